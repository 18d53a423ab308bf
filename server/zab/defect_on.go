//go:build defects

package zab

// seed is the defect that is put in; set by tests before any core runs.
var seed defect

func seeded(d defect) bool { return d != defectNone && seed == d }
