package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMixedSizesFollowTheDistribution(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sizes.json")
	if err := os.WriteFile(path, []byte("[[16,3],[64,1],[4096,4]]"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := map[int]int{}
	for _, n := range mixedSizes(path, 7) {
		seen[n]++
	}
	for n, eighths := range map[int]int{16: 3, 64: 1, 4096: 4} {
		if got, want := seen[n], tableLength*eighths/8; got < want*97/100 || got > want*103/100 {
			t.Errorf("%d bytes: drawn %d times, about %d expected", n, got, want)
		}
		delete(seen, n)
	}
	if len(seen) != 0 {
		t.Errorf("sizes that are not in the distribution: %v", seen)
	}
}

func TestOpsAreCutToWhatFits(t *testing.T) {
	for _, c := range []struct {
		ops, live, threads int
		sizes              []int
		want               int
	}{
		{1000, 0, 1, []int{64}, 1000},
		{1 << 30, 0, 1, []int{1 << 20}, 1024},
		{1 << 30, 24, 2, []int{1 << 20}, 488},
		{1 << 30, 0, 1, []int{1 << 20, 3 << 20}, 512},
	} {
		if got := affordableOps(c.ops, c.live, c.threads, c.sizes, 1<<30); got != c.want {
			t.Errorf("%+v: %d operations", c, got)
		}
	}
}

func TestEveryOperationAllocatesOneBlock(t *testing.T) {
	for _, name := range []string{"alloc-fresh", "free-ring", "free-random"} {
		for _, sizes := range [][]int{{64}, {64, 64}} {
			w := newWorker(sizes, 10, 1)
			w.prepare(name)
			if got := testing.AllocsPerRun(10, func() { w.run(name, 100) }); got != 100 {
				t.Errorf("%s with %d sizes: %v allocations in 100 operations", name, len(sizes), got)
			}
		}
	}
}
