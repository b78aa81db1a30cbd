package runtime_test

import (
	"encoding/json"
	"math"
	"math/rand"
	"os"
	. "runtime"
	"testing"
)

// TestRecordScavenger drives the runtime's own scavenger: controller, pacing, index and goals, each by itself, as Go's tests of it do, and
// writes down what they answer.
func TestRecordScavenger(t *testing.T) {
	text, err := json.Marshal(map[string]any{
		"physPageSize": PhysPageSize,
		"controllers":  []any{recordController(1), recordController(2), recordFailures(), recordProportional()},
		"pacing":       recordPacing(),
		"goals":        recordGoals(),
		"index":        []any{recordIndex(1), recordIndex(2), recordIndex(3)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv("RECORDING"), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

type controllerRecording struct {
	Name string     `json:"name"`
	Tune [5]float64 `json:"tune"` // kp, ti, tt, min, max
	// Input, setpoint, period, output, and 1 when the controller did not fail.
	Steps [][5]float64 `json:"steps"`
}

func controller(name string, tune [5]float64, steps [][3]float64) controllerRecording {
	c := NewPIController(tune[0], tune[1], tune[2], tune[3], tune[4])
	rec := controllerRecording{Name: name, Tune: tune}
	for _, s := range steps {
		out, ok := c.Next(s[0], s[1], s[2])
		fine := 0.0
		if ok {
			fine = 1
		}
		rec.Steps = append(rec.Steps, [5]float64{s[0], s[1], s[2], out, fine})
	}
	return rec
}

var scavengerTune = [5]float64{0.3375, 3.2e6, 1e9, 0.001, 1000}

func recordController(seed int64) controllerRecording {
	r := rand.New(rand.NewSource(seed))
	var steps [][3]float64
	for range 80 {
		steps = append(steps, [3]float64{r.Float64() * 0.03, 0.01, 1e6 * math.Pow(1000, r.Float64())})
	}
	return controller("random", scavengerTune, steps)
}

func recordFailures() controllerRecording {
	return controller("failures", scavengerTune, [][3]float64{
		{0.02, 0.01, 1e8}, {1e308, -1e308, 1e8}, {0.02, 0.01, 1e8}, {0, 1e300, 1e20}, {0.005, 0.01, 1e8}, {1e300, 0.01, 1e18}, {0.005, 0.01, 1e8}, {0.005, 0.01, 1e8},
	})
}

func recordProportional() controllerRecording {
	return controller("no integral", [5]float64{2, 0, 0, -1, 1}, [][3]float64{{0, 0.25, 1}, {0.5, 0.25, 1}, {-3, 3, 1}, {3, -3, 1}})
}

type pacingRecording struct {
	Name  string `json:"name"`
	Procs int32  `json:"procs"`
	// What each quantum released, and how long it took.
	Quanta [][2]int64 `json:"quanta"`
	// After how many quanta the scavenger went to sleep, for how long it wanted to, and did.
	Sleeps [][3]int64 `json:"sleeps"`
}

func recordPacing() []pacingRecording {
	const quantum = 64 << 10
	r := rand.New(rand.NewSource(7))
	exact := func(_ int, ns int64) int64 { return ns }
	full := func(ns int64) func(int) (int64, int64) {
		return func(int) (int64, int64) { return quantum, ns }
	}
	return []pacingRecording{
		pacing("steady", 1, 300, full(160_000), exact),
		pacing("fast system", 2, 2000, full(8_000), exact),
		pacing("slow system", 1, 40, full(30_000_000), exact),
		pacing("coarse clock", 1, 300, full(0), exact),
		pacing("noise", 4, 600, func(int) (int64, int64) { return quantum, 20_000 + r.Int63n(400_000) }, func(_ int, ns int64) int64 { return ns + r.Int63n(2_000_000) }),
		pacing("woken early", 1, 400, full(100_000), func(i int, ns int64) int64 {
			if i%3 == 2 {
				return ns / 10
			}
			return ns
		}),
		// A clock that goes back as far as the scavenger worked: the share is infinite.
		pacing("controller fails", 1, 300, full(250_000), func(i int, ns int64) int64 {
			if i == 20 {
				return -1_000_000
			}
			return ns
		}),
		pacing("more than it asked for", 1, 120, func(int) (int64, int64) { return 2 << 20, 400_000 }, exact),
		pacing("little to do", 1, 30, func(i int) (int64, int64) {
			if i%3 == 2 {
				return 8192, 90_000
			}
			return quantum, 120_000
		}, exact),
	}
}

func pacing(name string, procs int32, n int, scavenge func(i int) (int64, int64), sleep func(i int, ns int64) int64) pacingRecording {
	rec := pacingRecording{Name: name, Procs: procs}
	var s Scavenger
	s.Scavenge = func(uintptr) (uintptr, int64) {
		if len(rec.Quanta) == n {
			return 0, 0
		}
		released, ns := scavenge(len(rec.Quanta))
		rec.Quanta = append(rec.Quanta, [2]int64{released, ns})
		return uintptr(released), ns
	}
	s.Sleep = func(ns int64) int64 {
		slept := sleep(len(rec.Sleeps), ns)
		rec.Sleeps = append(rec.Sleeps, [3]int64{int64(len(rec.Quanta)), ns, slept})
		return slept
	}
	s.ShouldStop = func() bool { return false }
	s.GoMaxProcs = func() int32 { return procs }
	s.Start()
	s.Wake()
	for !s.BlockUntilParked(10e9) {
	}
	s.Stop()
	return rec
}

type goalRecording struct {
	MemoryLimit   int64  `json:"memoryLimit"`
	HeapGoal      uint64 `json:"heapGoal"`
	LastHeapGoal  uint64 `json:"lastHeapGoal"`
	LastHeapInUse uint64 `json:"lastHeapInUse"`
	HeapRetained  uint64 `json:"heapRetained"`
	MappedReady   uint64 `json:"mappedReady"`
	// -1: there is none, or it is not exceeded.
	PercentGoal int64 `json:"percentGoal"`
	LimitGoal   int64 `json:"limitGoal"`
}

func recordGoals() []goalRecording {
	r := rand.New(rand.NewSource(11))
	var list []goalRecording
	add := func(g goalRecording) {
		free := g.HeapRetained / 3
		percent, limit := PaceScavenger(g.MemoryLimit, g.HeapGoal, g.LastHeapGoal, g.LastHeapInUse, g.HeapRetained-free, free, g.MappedReady)
		g.PercentGoal, g.LimitGoal = int64(percent), int64(limit)
		list = append(list, g)
	}
	for range 60 {
		last := uint64(1+r.Int63n(1<<30)) &^ 7
		inUse := uint64(r.Int63n(1<<30)) &^ 8191
		add(goalRecording{
			MemoryLimit: 1 + r.Int63n(2<<30), HeapGoal: uint64(r.Int63n(1<<30)) &^ 7, LastHeapGoal: last, LastHeapInUse: inUse,
			HeapRetained: uint64(r.Int63n(2<<30)) &^ 4095, MappedReady: uint64(r.Int63n(2 << 30)),
		})
	}
	// Before the first collection; and from a page below the goal to two above, which is 11 MiB and a byte less than a page.
	add(goalRecording{MemoryLimit: 64 << 20, HeapGoal: 4 << 20, LastHeapInUse: 1 << 20, HeapRetained: 1 << 30, MappedReady: 1 << 30})
	for d := int64(-8192); d <= 8192; d += 1024 {
		add(goalRecording{MemoryLimit: math.MaxInt32, HeapGoal: 8 << 20, LastHeapGoal: 8 << 20, LastHeapInUse: 10<<20 + 10, HeapRetained: uint64(11<<20 + 4096 + d)})
	}
	for d := int64(-2); d <= 2; d++ {
		add(goalRecording{MemoryLimit: 100_000_000, HeapGoal: 1, LastHeapGoal: 1, MappedReady: uint64(95_000_000 + d)})
	}
	return list
}

type indexRecording struct {
	Seed int64 `json:"seed"`
	// Operations: [0 alloc, first page, pages], [1 free, first page, pages], [2 next generation], [3 set empty, chunk], and
	// [4 find, forced, chunk, page of it], with chunk -1 for none. Pages count from the first chunk's first.
	Ops [][]int `json:"ops"`
}

func recordIndex(seed int64) indexRecording {
	const chunks, size = 12, PallocChunkPages
	r := rand.New(rand.NewSource(seed))
	rec := indexRecording{Seed: seed}
	si := NewScavengeIndex(BaseChunkIdx, BaseChunkIdx+chunks)
	var used [chunks]int
	// Whether n more pages (fewer, if negative) from a page on leave each chunk's count possible; then they are counted.
	count := func(page, n, sign int) bool {
		for round := range 2 {
			for at := page; at < page+n; {
				c := at / size
				k := min(size-at%size, page+n-at)
				if round == 0 && (used[c]+sign*k < 0 || used[c]+sign*k > size) {
					return false
				}
				if round == 1 {
					used[c] += sign * k
				}
				at += k
			}
		}
		return true
	}
	base := func(page int) uintptr { return PageBase(BaseChunkIdx+ChunkIdx(page/size), uint(page%size)) }
	for len(rec.Ops) < 900 {
		page := r.Intn(chunks * size)
		n := 1 + r.Intn([]int{1, 4, 64, size, 3 * size}[r.Intn(5)])
		n = min(n, chunks*size-page)
		switch what := r.Intn(100); {
		case what < 40:
			if count(page, n, 1) {
				si.AllocRange(base(page), base(page+n-1)+PageSize)
				rec.Ops = append(rec.Ops, []int{0, page, n})
			}
		case what < 68:
			if count(page, n, -1) {
				si.FreeRange(base(page), base(page+n-1)+PageSize)
				rec.Ops = append(rec.Ops, []int{1, page, n})
			}
		case what < 72:
			si.NextGen()
			rec.Ops = append(rec.Ops, []int{2})
		default:
			force := r.Intn(3) == 0
			ci, off := si.Find(force)
			forced := 0
			if force {
				forced = 1
			}
			if ci == 0 {
				rec.Ops = append(rec.Ops, []int{4, forced, -1, 0})
				continue
			}
			rec.Ops = append(rec.Ops, []int{4, forced, int(ci - BaseChunkIdx), int(off)})
			if r.Intn(3) != 0 {
				si.SetEmpty(ci)
				rec.Ops = append(rec.Ops, []int{3, int(ci - BaseChunkIdx)})
			}
		}
	}
	return rec
}
