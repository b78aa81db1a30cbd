package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
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

func TestAllNodesOfBothShapesAreReachable(t *testing.T) {
	for _, n := range []int{1, 2, 3, 1000} {
		for shape, root := range map[string]*node{"tree": makeTree(n), "random": makeRandom(n, 7)} {
			seen := map[*node]bool{}
			for grey := []*node{root}; len(grey) > 0; {
				t := grey[len(grey)-1]
				grey = grey[:len(grey)-1]
				if t != nil && !seen[t] {
					seen[t] = true
					grey = append(grey, t.left, t.right)
				}
			}
			if len(seen) != n {
				t.Errorf("%s: %d of %d nodes are reachable", shape, len(seen), n)
			}
		}
	}
}

func TestGctraceLinesAreRead(t *testing.T) {
	text := "noise\ngc 2 @0.100s 50%: 0.007+59+0.004 ms clock, 0.014+1.5/14/45+0.008 ms cpu, 122->122->122 MB, 244 MB goal, 0 MB stacks, 0 MB globals, 2 P (forced)\n"
	cycles, err := parseGctrace(text)
	if want := []cycle{{mark: 59 * time.Millisecond, markCPU: 60500 * time.Microsecond}}; err != nil || !slices.Equal(cycles, want) {
		t.Errorf("%v, %v: expected %v", cycles, err, want)
	}
	if _, err := parseGctrace("gc 3 @0.1s: in a format of tomorrow\n"); err == nil {
		t.Error("a gctrace line that is not understood was passed over")
	}
}

func TestObjectsHaveTheirSizeAndTheAnchor(t *testing.T) {
	for _, pointers := range []bool{false, true} {
		for _, size := range []int{16, 64, 256, 1024} {
			p := newPopulation(size, pointers, 10, 1)
			p.fill()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			p.replace(1000)
			runtime.ReadMemStats(&after)
			// 512 B and more with pointers have a header of 8 bytes, which leads to the next class.
			if got := float64(after.TotalAlloc-before.TotalAlloc) / 1000; got < float64(size) || got > float64(size)*1.2 {
				t.Errorf("%d bytes, pointers %t: %v bytes each", size, pointers, got)
			}
		}
	}
	p := newScanned[scan64](10, 1).(*scanned[scan64])
	p.fill()
	p.replace(100)
	for _, o := range p.slots {
		if o.first != p.anchor || p.anchor == nil {
			t.Fatal("an object does not point to the anchor")
		}
	}
}

func TestQuantilesAreWithinABucketOfTheTruth(t *testing.T) {
	var h histogram
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]uint64, 20_000)
	for i := range values {
		values[i] = r.Uint64() >> (20 + r.IntN(44))
		h.add(values[i])
	}
	slices.Sort(values)
	for _, q := range []float64{0, 0.5, 0.99, 0.9999} {
		truth := float64(values[int(q*float64(len(values)))])
		if got := h.quantile(q); got < truth || got > truth*65/64+1 {
			t.Errorf("quantile %v: %v, in truth %v", q, got, truth)
		}
	}
	if h.quantile(1) != float64(values[len(values)-1]) {
		t.Error("the greatest value is lost")
	}
}

func TestTwoThreadsMakeTheTreesOfOne(t *testing.T) {
	for _, threads := range []int{1, 2, 3} {
		got, err := measureTrees(options{depth: 8, threads: threads})
		// Stretch and kept tree, and 256, 64 and 16 trees of depths 4, 6 and 8.
		if want := 1023 + 511 + 256*31 + 64*127 + 16*511; err != nil || got.Ops != want {
			t.Errorf("%d threads: %d nodes, %v; expected %d", threads, got.Ops, err, want)
		}
	}
}
