package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// The cases on blocks. The collector is off, as they are about allocation. Go has no explicit free, so in the cases that free, an
// operation drops the old block and allocates the new one, and the memory of the old one is never used again: Go pays for fresh
// memory where others reuse theirs. The number of operations is cut so that all blocks together stay below -max-bytes;
// `ops` in the result says how many there were.
//
// T threads are T goroutines, each locked to a thread, with GOMAXPROCS=T, each with its own blocks. The clock runs from
// the moment all are let go until the last has done its -ops operations.

func measureBlocks(o options) result {
	debug.SetGCPercent(-1)
	var sizes []int
	if o.size == "mixed" {
		sizes = mixedSizes(o.dist, o.seed)
	} else {
		sizes = []int{positive("-size", o.size)}
	}
	switch {
	case o.name == "alloc-fresh" && o.live != 0:
		usage("alloc-fresh keeps no blocks: leave out -live")
	case o.name != "alloc-fresh" && o.live <= 0:
		usage("%s needs -live, a positive number of blocks", o.name)
	}
	n := affordableOps(o.ops, o.live, o.threads, sizes, o.maxBytes)

	workers := make([]*worker, o.threads)
	for i := range workers {
		workers[i] = newWorker(sizes, o.live, o.seed+uint32(i))
	}
	wall, stats := timeWorkers(workers, o.name, n)
	total := n * o.threads
	return result{
		NsPerOp:      float64(wall.Nanoseconds()) * float64(o.threads) / float64(total),
		TotalNsPerOp: float64(wall.Nanoseconds()) / float64(total),
		Ops:          total,
		BytesPerOp:   float64(stats.bytes) / float64(total),
		AllocsPerOp:  float64(stats.mallocs) / float64(total),
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

// timeWorkers runs n operations in every worker at once and returns the time from the first's start to the last's end.
func timeWorkers(workers []*worker, name string, n int) (time.Duration, allocated) {
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
