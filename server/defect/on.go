//go:build defects

package defect

var planted Defect

// Plant puts d in and takes out what was in before; None leaves the product
// whole. Nothing may run meanwhile.
func Plant(d Defect) { planted = d }

// Planted tells whether d is in the product.
func Planted(d Defect) bool { return d == planted }
