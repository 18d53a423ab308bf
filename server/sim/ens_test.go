package sim

import (
	"testing"
	"fmt"
)

func TestEns(t *testing.T) {
	first, count := number("SEED", 1), number("SEEDS", 20)
	met := map[string]int{}
	for i := first; i < first+count; i++ {
		r := NewEnsemblePlan(i).Run(count==1)
		for k, v := range r.Met { met[k]+=v }
		if r.Violation != nil {
			if count == 1 { fmt.Println(string(r.Trace)) }
			t.Fatalf("seed %d: %v", i, r.Violation)
		}
		if count<=20 {t.Logf("seed %d: req %d ans %d txns %d events %d", i, r.Requests, r.Answered, r.Txns, r.Events)}
	}
	for k, v := range met { t.Log(v, k) }
}
