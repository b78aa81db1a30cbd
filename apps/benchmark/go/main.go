// Command gobench is Go's side of the benchmark: one case, one sample, one process, one line of JSON.
//
//	gobench -case alloc-fresh|free-ring|free-random -size N|mixed -threads T [-live L] -ops K -seed S [-dist FILE]
//	gobench -case gc-mark -shape tree|random -live L -markers M -cycles C -seed S
//	gobench -case gc-alloc -size N [-pointers] -live L -threads T -markers M -ops K -seed S
//	gobench -case binary-trees -depth D -threads T -markers M
//	gobench -case mutator-latency -size N -live L -markers M -cycles C -seed S
//
// The first three are about allocation (blocks.go): the collector is off. In all others it runs as it does by default, GOGC=100.
// There, as the other implementations have threads of their own to mark in, GOMAXPROCS is the number of threads and markers
// together.
//
//	totalNsPerOp = wall time / operations of all threads   (throughput)
//	nsPerOp      = wall time x T / operations              (what one operation costs its thread)
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

type options struct {
	name     string
	size     string
	threads  int
	markers  int
	live     int
	ops      int
	seed     uint32
	dist     string
	maxBytes int64
	shape    string
	pointers bool
	depth    int
	cycles   int
}

type result struct {
	Case         string   `json:"case"`
	Threads      int      `json:"threads"`
	NsPerOp      float64  `json:"nsPerOp"`
	TotalNsPerOp float64  `json:"totalNsPerOp"`
	Ops          int      `json:"ops"`
	BytesPerOp   float64  `json:"bytesPerOp"`
	AllocsPerOp  float64  `json:"allocsPerOp"`
	CPUNsPerOp   float64  `json:"cpuNsPerOp,omitempty"`
	Cycles       int      `json:"cycles,omitempty"`
	Latency      *latency `json:"latency,omitempty"`
	Go           string   `json:"go"`
}

func main() {
	var o options
	flag.StringVar(&o.name, "case", "", "what to measure")
	flag.StringVar(&o.size, "size", "", "bytes of a block or object, or mixed")
	flag.IntVar(&o.threads, "threads", 1, "goroutines that work")
	flag.IntVar(&o.markers, "markers", 1, "threads that the collector may have beside them")
	flag.IntVar(&o.live, "live", 0, "blocks or objects that are kept, by each thread")
	flag.IntVar(&o.ops, "ops", 1_000_000, "operations of each thread")
	seed := flag.Uint("seed", 1, "seed of what is drawn at random")
	flag.StringVar(&o.dist, "dist", "", "JSON file of [size, count] pairs, for -size mixed")
	flag.Int64Var(&o.maxBytes, "max-bytes", 2<<30, "bytes of all blocks together, at most")
	flag.StringVar(&o.shape, "shape", "tree", "gc-mark: tree or random")
	flag.BoolVar(&o.pointers, "pointers", false, "gc-alloc: the objects have pointers")
	flag.IntVar(&o.depth, "depth", 18, "binary-trees: depth of the tree that is kept")
	flag.IntVar(&o.cycles, "cycles", 3, "gc-mark, mutator-latency: collections to time")
	flag.Parse()
	o.seed = uint32(*seed)
	if o.threads <= 0 || o.markers <= 0 || o.ops <= 0 || o.cycles <= 0 {
		usage("-threads, -markers, -ops and -cycles take positive numbers, not %d, %d, %d and %d", o.threads, o.markers, o.ops, o.cycles)
	}
	runtime.MemProfileRate = 0
	debug.SetGCPercent(100)

	out, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gobench:", err)
		os.Exit(1)
	}
	out.Case, out.Threads, out.Go = o.name, o.threads, runtime.Version()
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fmt.Fprintln(os.Stderr, "gobench:", err)
		os.Exit(1)
	}
}

func run(o options) (result, error) {
	switch o.name {
	case "alloc-fresh", "free-ring", "free-random":
		runtime.GOMAXPROCS(o.threads)
		return measureBlocks(o), nil
	case "gc-mark":
		// The one goroutine waits for the collector: the threads are all markers.
		runtime.GOMAXPROCS(o.markers)
		return measureMark(o)
	}
	runtime.GOMAXPROCS(o.threads + o.markers)
	switch o.name {
	case "gc-alloc":
		return measureSteady(o)
	case "binary-trees":
		return measureTrees(o)
	case "mutator-latency":
		return measureLatency(o)
	}
	usage("-case: there is no %q", o.name)
	return result{}, nil
}

// positive reads a flag that must be a positive number.
func positive(flagName, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		usage("%s takes a positive number, not %q", flagName, text)
	}
	return n
}

func usage(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "gobench: "+format+"\n", args...)
	os.Exit(2)
}
