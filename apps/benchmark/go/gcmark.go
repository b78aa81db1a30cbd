package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
	"unsafe"
)

// gc-mark: what the mark phase costs per live object. The objects have 32 bytes with two pointers in front, on every architecture.

const nodeBytes = 32

type node struct {
	left, right *node
	_           [nodeBytes - 2*unsafe.Sizeof(uintptr(0))]byte
}

// The whole graph hangs on this one pointer.
var graph *node

// makeTree makes a balanced tree of n nodes, in the order in which a recursive program does: a node, its left half, its right half.
func makeTree(n int) *node {
	if n == 0 {
		return nil
	}
	t := new(node)
	left := (n - 1) / 2
	t.left = makeTree(left)
	t.right = makeTree(n - 1 - left)
	return t
}

// makeRandom makes n nodes in the order of their addresses. `left` leads round all of them in a random order, so that all are
// reachable and no array of roots (a spine) is needed; `right` leads to any one.
func makeRandom(n int, seed uint32) *node {
	nodes := make([]*node, n)
	for i := range nodes {
		nodes[i] = new(node)
	}
	d := newDraw(seed)
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	for i := n - 1; i > 0; i-- {
		j := d.below(i + 1)
		order[i], order[j] = order[j], order[i]
	}
	for i, from := range order {
		t := nodes[from]
		t.left = nodes[order[(i+1)%n]]
		t.right = nodes[d.below(n)]
	}
	return nodes[0]
}

// measureMark times the mark phase of forced cycles over -live objects, with as many Ps as there are to be markers: the one
// goroutine waits in runtime.GC meanwhile, and every P that has nothing to run marks. It is called in both processes
// (gctrace.go): the copy makes the graph and collects, the first one reads the clock.
func measureMark(o options) (result, error) {
	if o.shape != "tree" && o.shape != "random" {
		usage("-shape takes tree or random, not %q", o.shape)
	}
	if o.live <= 0 {
		usage("gc-mark needs -live, a positive number of objects")
	}
	forced := o.cycles + 1 // the first one frees what it took to make the graph
	if traced() {
		return result{}, markForOther(o, forced)
	}
	all, err := runTraced()
	if err != nil {
		return result{}, err
	}
	if len(all) != forced {
		return result{}, fmt.Errorf("%d cycles were forced, gctrace has %d", forced, len(all))
	}
	all = all[1:]
	slices.SortFunc(all, func(a, b cycle) int { return int(a.mark - b.mark) })
	middle := all[len(all)/2]
	perObject := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(o.live) }
	return result{
		NsPerOp: perObject(middle.mark), TotalNsPerOp: perObject(middle.mark), CPUNsPerOp: perObject(middle.markCPU),
		Ops: o.live, BytesPerOp: nodeBytes, Cycles: o.cycles,
	}, nil
}

func markForOther(o options, cycles int) error {
	debug.SetGCPercent(-1)
	if o.shape == "tree" {
		graph = makeTree(o.live)
	} else {
		graph = makeRandom(o.live, o.seed)
	}
	for range cycles {
		runtime.GC()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.HeapObjects < uint64(o.live) {
		return fmt.Errorf("%d objects are live, %d were made: not all were reachable", stats.HeapObjects, o.live)
	}
	runtime.KeepAlive(graph)
	return nil
}
