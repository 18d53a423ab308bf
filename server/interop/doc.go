// Package interop holds the tests of ensembles whose members are Apache's
// servers and ours, as processes, in every mix. Apache's server must be
// installed; see package apache.
package interop
