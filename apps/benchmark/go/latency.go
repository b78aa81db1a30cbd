package main

import (
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"
)

// mutator-latency: how long an operation takes while the heap is collected. One goroutine replaces objects (steady.go) and looks at the
// clock after each; another forces one collection after the other. What lies between two looks is counted as one operation, so that
// no pause can hide: not the collector's, and not the operating system's either.

type latency struct {
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	P9999 float64 `json:"p9999"`
	Max   float64 `json:"max"`
}

// A histogram counts durations in ns, in buckets 1/64 as wide as their lower end.
type histogram struct {
	counts [64 * 64]uint64
	total  uint64
	max    uint64
}

const subBits = 6

func (h *histogram) add(ns uint64) {
	h.counts[bucketOf(ns)]++
	h.total++
	h.max = max(h.max, ns)
}

// bucketOf: the values below 64 have buckets of their own; from then on, 64 for each power of two.
func bucketOf(ns uint64) int {
	if ns < 1<<subBits {
		return int(ns)
	}
	shift := bits.Len64(ns) - 1 - subBits
	return (shift+1)<<subBits + int(ns>>shift) - 1<<subBits
}

// upperEnd is the least value that is above all of a bucket's.
func upperEnd(bucket int) uint64 {
	if bucket < 1<<subBits {
		return uint64(bucket) + 1
	}
	shift := bucket>>subBits - 1
	return uint64(bucket&(1<<subBits-1)+1<<subBits+1) << shift
}

// quantile returns a value that the q-th part of all is at or below.
func (h *histogram) quantile(q float64) float64 {
	rank := uint64(q * float64(h.total))
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += n; seen > rank {
			return float64(min(upperEnd(i)-1, h.max))
		}
	}
	return float64(h.max)
}

func measureLatency(o options) (result, error) {
	if o.live <= 0 {
		usage("mutator-latency needs -live, a positive number of objects")
	}
	p := newPopulation(positive("-size", o.size), true, o.live, o.seed)
	p.fill()
	p.replace(o.live / 8)
	runtime.GC()
	var collected atomic.Bool
	var h histogram
	go func() {
		for range o.cycles {
			runtime.GC()
		}
		collected.Store(true)
	}()
	start := time.Now()
	last := time.Duration(0)
	for !collected.Load() {
		p.replace(1)
		now := time.Since(start)
		h.add(uint64(now - last))
		last = now
	}
	runtime.KeepAlive(p)
	mean := float64(last.Nanoseconds()) / float64(h.total)
	return result{
		NsPerOp: mean, TotalNsPerOp: mean, Ops: int(h.total), AllocsPerOp: 1, BytesPerOp: float64(positive("-size", o.size)), Cycles: o.cycles,
		Latency: &latency{P50: h.quantile(0.5), P99: h.quantile(0.99), P9999: h.quantile(0.9999), Max: float64(h.max)},
	}, nil
}
