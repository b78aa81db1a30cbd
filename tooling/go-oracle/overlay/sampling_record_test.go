package runtime_test

import (
	"encoding/json"
	"os"
	. "runtime"
	"testing"
)

// TestRecordSampling writes down the runtime's approximation of log2, which the gaps between the samples of a heap profile are made with: [x, log2 x].
func TestRecordSampling(t *testing.T) {
	var log2 [][2]float64
	record := func(x uint32) { log2 = append(log2, [2]float64{float64(x), Fastlog2(float64(x))}) }
	for x := uint32(1); x <= 130; x++ {
		record(x)
	}
	x := uint32(12345)
	for range 500 {
		x = x*1664525 + 1013904223
		record(x>>6 + 1)
	}
	for bit := range 27 {
		record(1 << bit)
		if bit > 0 {
			record(1<<bit - 1)
		}
	}
	text, err := json.Marshal(log2)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv("RECORDING"), text, 0o644); err != nil {
		t.Fatal(err)
	}
}
