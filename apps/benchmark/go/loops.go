package main

import "unsafe"

// A worker is what one thread works with. Each is an object of its own, wider than two cache lines, so that no thread
// writes to a line of another's.
type worker struct {
	newest *byte // where fresh blocks go, so that they must be on the heap
	sizes  []int // one, or a power of two of them
	blocks []*byte
	state  uint32
	_      [128]byte
}

func newWorker(sizes []int, live int, seed uint32) *worker {
	if seed == 0 {
		seed = 1
	}
	return &worker{sizes: sizes, blocks: make([]*byte, live), state: seed}
}

// block allocates n zeroed bytes without pointers. Nothing touches them, here or in the other implementations.
func block(n int) *byte { return unsafe.SliceData(make([]byte, n)) }

// prepare warms up with another size, so that code and runtime are ready and the memory under test is not, and makes the
// live blocks.
func (w *worker) prepare(name string) {
	sizes := w.sizes
	w.sizes = []int{sizes[0]%1024 + 16}
	live := w.blocks
	w.blocks = make([]*byte, 16)
	w.run(name, 10_000)
	w.sizes, w.blocks = sizes, live
	for i := range live {
		live[i] = block(sizes[i&(len(sizes)-1)])
	}
}

// run does n operations. One size and many have loops of their own, as a load and an `and` are visible at these prices.
func (w *worker) run(name string, n int) {
	one := len(w.sizes) == 1
	switch {
	case name == "alloc-fresh" && one:
		w.freshOne(n, w.sizes[0])
	case name == "alloc-fresh":
		w.freshMany(n)
	case name == "free-ring" && one:
		w.ringOne(n, w.sizes[0])
	case name == "free-ring":
		w.ringMany(n)
	case one:
		w.randomOne(n, w.sizes[0])
	default:
		w.randomMany(n)
	}
}

func (w *worker) freshOne(n, size int) {
	for range n {
		w.newest = block(size)
	}
}

func (w *worker) freshMany(n int) {
	sizes := w.sizes
	mask := len(sizes) - 1
	for i := range n {
		w.newest = block(sizes[i&mask])
	}
}

func (w *worker) ringOne(n, size int) {
	blocks := w.blocks
	oldest := 0
	for range n {
		blocks[oldest] = block(size)
		if oldest++; oldest == len(blocks) {
			oldest = 0
		}
	}
}

func (w *worker) ringMany(n int) {
	blocks, sizes := w.blocks, w.sizes
	mask := len(sizes) - 1
	oldest := 0
	for i := range n {
		blocks[oldest] = block(sizes[i&mask])
		if oldest++; oldest == len(blocks) {
			oldest = 0
		}
	}
}

// The random order is drawn as in the other implementations' loop (src/kernels.ts): three shifts and a multiplication.
// A table of indices would cost a load instead, and visit fewer blocks.

func (w *worker) randomOne(n, size int) {
	blocks, x := w.blocks, w.state
	live := uint64(len(blocks))
	for range n {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		blocks[uint64(x)*live>>32] = block(size)
	}
	w.state = x
}

func (w *worker) randomMany(n int) {
	blocks, sizes, x := w.blocks, w.sizes, w.state
	live := uint64(len(blocks))
	mask := len(sizes) - 1
	for i := range n {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		blocks[uint64(x)*live>>32] = block(sizes[i&mask])
	}
	w.state = x
}
