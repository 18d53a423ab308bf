//go:build defects

package defect

import "os"

// planted is, in a program that is built with the tag, what the environment
// variable ZOOKIT_DEFECT names.
var planted = named(os.Getenv("ZOOKIT_DEFECT"))

func named(name string) Defect {
	for d := range All {
		if name != "" && All[d].Name == name {
			return Defect(d)
		}
	}
	return None
}

// Plant puts d in and takes out what was in before; None leaves the product
// whole. Nothing may run meanwhile.
func Plant(d Defect) { planted = d }

// Planted tells whether d is in the product.
func Planted(d Defect) bool { return d == planted }
