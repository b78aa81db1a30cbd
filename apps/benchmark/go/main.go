// Command gobench is Go's side of the benchmark: one case, one sample, one process, one line of JSON.
//
//	gobench -case alloc-fresh|free-ring|free-random -size N|mixed -threads T [-live L] -ops K -seed S [-dist FILE]
//
// The collector is off, as the cases are about allocation. Go has no explicit free, so in the cases that free, an operation
// drops the old block and allocates the new one, and the memory of the old one is never used again: Go pays for fresh
// memory where others reuse theirs. The number of operations is cut so that all blocks together stay below -max-bytes;
// `ops` in the result says how many there were.
//
// T threads are T goroutines, each locked to a thread, with GOMAXPROCS=T, each with its own blocks. The clock runs from
// the moment all are let go until the last has done its -ops operations:
//
//	ops          = T x operations of one thread
//	totalNsPerOp = wall time / ops              (throughput)
//	nsPerOp      = wall time x T / ops          (what one operation costs its thread)
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

type result struct {
	Case         string  `json:"case"`
	Size         any     `json:"size"`
	Threads      int     `json:"threads"`
	Live         int     `json:"live,omitempty"`
	NsPerOp      float64 `json:"nsPerOp"`
	TotalNsPerOp float64 `json:"totalNsPerOp"`
	Ops          int     `json:"ops"`
	BytesPerOp   float64 `json:"bytesPerOp"`
	AllocsPerOp  float64 `json:"allocsPerOp"`
	Go           string  `json:"go"`
}

func main() {
	name := flag.String("case", "", "alloc-fresh, free-ring or free-random")
	size := flag.String("size", "", "bytes of a block, or mixed")
	threads := flag.Int("threads", 1, "goroutines, and GOMAXPROCS")
	live := flag.Int("live", 0, "blocks that a thread keeps, for the cases that free")
	ops := flag.Int("ops", 1_000_000, "operations of each thread")
	seed := flag.Uint("seed", 1, "seed of the mixed sizes and of the random order")
	dist := flag.String("dist", "", "JSON file of [size, count] pairs, for -size mixed")
	maxBytes := flag.Int64("max-bytes", 2<<30, "bytes of all blocks together, at most")
	flag.Parse()

	debug.SetGCPercent(-1)
	runtime.MemProfileRate = 0
	runtime.GOMAXPROCS(*threads)

	var sizes []int
	var sizeLabel any = "mixed"
	if *size == "mixed" {
		sizes = mixedSizes(*dist, uint32(*seed))
	} else {
		n, err := strconv.Atoi(*size)
		if err != nil || n <= 0 {
			usage("-size takes a positive number of bytes or mixed, not %q", *size)
		}
		sizes, sizeLabel = []int{n}, n
	}
	switch {
	case *name != "alloc-fresh" && *name != "free-ring" && *name != "free-random":
		usage("-case takes alloc-fresh, free-ring or free-random, not %q", *name)
	case *name == "alloc-fresh" && *live != 0:
		usage("alloc-fresh keeps no blocks: leave out -live")
	case *name != "alloc-fresh" && *live <= 0:
		usage("%s needs -live, a positive number of blocks", *name)
	case *threads <= 0 || *ops <= 0:
		usage("-threads and -ops take positive numbers, not %d and %d", *threads, *ops)
	}
	n := affordableOps(*ops, *live, *threads, sizes, *maxBytes)

	workers := make([]*worker, *threads)
	for i := range workers {
		workers[i] = newWorker(sizes, *live, uint32(*seed)+uint32(i))
	}
	wall, stats := measure(workers, *name, n)

	total := n * *threads
	out := result{
		Case: *name, Size: sizeLabel, Threads: *threads, Live: *live,
		NsPerOp:      float64(wall.Nanoseconds()) * float64(*threads) / float64(total),
		TotalNsPerOp: float64(wall.Nanoseconds()) / float64(total),
		Ops:          total,
		BytesPerOp:   float64(stats.bytes) / float64(total),
		AllocsPerOp:  float64(stats.mallocs) / float64(total),
		Go:           runtime.Version(),
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fmt.Fprintln(os.Stderr, "gobench:", err)
		os.Exit(1)
	}
}

// affordableOps cuts the operations of one thread to what fits into maxBytes after its live blocks.
func affordableOps(ops, live, threads int, sizes []int, maxBytes int64) int {
	bytes := int64(0)
	for _, n := range sizes {
		bytes += int64(n)
	}
	mean := float64(bytes) / float64(len(sizes))
	affordable := int(float64(maxBytes)/float64(threads)/mean) - live
	if affordable <= 0 {
		usage("%d threads with %d live blocks of %.0f bytes take more than %d bytes: raise -max-bytes", threads, live, mean, maxBytes)
	}
	return min(ops, affordable)
}

type allocated struct{ bytes, mallocs uint64 }

// measure runs n operations in every worker at once and returns the time from the first's start to the last's end.
func measure(workers []*worker, name string, n int) (time.Duration, allocated) {
	var ready, done sync.WaitGroup
	var gate atomic.Bool
	ready.Add(len(workers))
	done.Add(len(workers))
	for _, w := range workers {
		go func() {
			runtime.LockOSThread()
			w.prepare(name)
			ready.Done()
			// With as many Ps as workers, spinning keeps nobody from running; yielding lets the main goroutine in.
			for !gate.Load() {
				runtime.Gosched()
			}
			w.run(name, n)
			done.Done()
		}()
	}
	ready.Wait()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	gate.Store(true)
	done.Wait()
	wall := time.Since(start)
	runtime.ReadMemStats(&after)
	if after.NumGC != 0 {
		fmt.Fprintln(os.Stderr, "gobench: the collector ran, so the figures say nothing")
		os.Exit(1)
	}
	return wall, allocated{after.TotalAlloc - before.TotalAlloc, after.Mallocs - before.Mallocs}
}

func usage(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "gobench: "+format+"\n", args...)
	os.Exit(2)
}
