package main

import (
	"fmt"
	"runtime"
	"time"
)

// binary-trees, as the benchmarks game has it: a tree deeper than all others is made and dropped, one is made and kept, and then very
// many of each depth from 4 to the greatest are made, counted and dropped. Threads share the trees of each depth. One operation is one node
// made and counted.

const leastDepth = 4

type tree struct{ left, right *tree }

func bottomUp(depth int) *tree {
	if depth == 0 {
		return &tree{}
	}
	return &tree{bottomUp(depth - 1), bottomUp(depth - 1)}
}

func (t *tree) count() int {
	if t.left == nil {
		return 1
	}
	return 1 + t.left.count() + t.right.count()
}

// treesOf says how many trees of a depth are made, so that all depths together have about as many nodes each.
func treesOf(depth, greatest int) int { return 1 << (greatest - depth + leastDepth) }

func nodesOf(depth int) int { return 1<<(depth+1) - 1 }

// measureTrees does the whole program once, with nothing made or measured before: it has no steady state.
func measureTrees(o options) (result, error) {
	if o.depth < leastDepth || o.depth > 24 {
		usage("-depth is from %d to 24, not %d", leastDepth, o.depth)
	}
	start := time.Now()
	counted := bottomUp(o.depth + 1).count()
	made := nodesOf(o.depth + 1)
	kept := bottomUp(o.depth)
	threads := make([]int, o.threads)
	byThread := make([]int, o.threads)
	for i := range threads {
		threads[i] = i
	}
	together(threads, func(i int) {
		sum := 0
		for depth := leastDepth; depth <= o.depth; depth += 2 {
			trees := treesOf(depth, o.depth)
			for range trees*(i+1)/o.threads - trees*i/o.threads {
				sum += bottomUp(depth).count()
			}
		}
		byThread[i] = sum
	})
	for depth := leastDepth; depth <= o.depth; depth += 2 {
		made += treesOf(depth, o.depth) * nodesOf(depth)
	}
	counted += kept.count()
	made += nodesOf(o.depth)
	wall := float64(time.Since(start).Nanoseconds())
	for _, n := range byThread {
		counted += n
	}
	if counted != made {
		return result{}, fmt.Errorf("%d nodes were made, %d counted", made, counted)
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return result{
		NsPerOp: wall * float64(o.threads) / float64(made), TotalNsPerOp: wall / float64(made), Ops: made,
		BytesPerOp: float64(stats.TotalAlloc) / float64(made), AllocsPerOp: float64(stats.Mallocs) / float64(made),
		Cycles: int(stats.NumGC),
	}, nil
}
