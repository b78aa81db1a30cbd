package main

import (
	"math/bits"
	"runtime"
	"runtime/metrics"
	"unsafe"
)

// Everything here looks at the runtime from outside, through MemStats and the addresses of objects, so that what it
// finds is what Go does and not what its source seems to say.
//
// Three things make the figures exact rather than noisy:
//   - GOGC=off and no call of runtime.GC: nothing is ever swept, so a central list holds only what was put back by
//     ReadMemStats, which flushes every mcache (and forgets the current tiny block) before it counts. Spans that were
//     put back are used before a new one is made.
//   - One P, and nobody else allocates: the goroutine is locked to its thread, and results go to static memory.
//   - Before counting, each span class is filled up until HeapInuse grows, and then exactly to the end of that new span.
//     So the first object counted always opens a new span, as it does on an empty heap.

const pageSize = 8192

var (
	ms      runtime.MemStats // static: reading it must not allocate
	sink    []byte
	sinkPtr []unsafe.Pointer
)

// inuseSamples together are MemStats.HeapInuse, read without stopping the world: a probe reads it after each object.
var inuseSamples = []metrics.Sample{
	{Name: "/memory/classes/heap/objects:bytes"},
	{Name: "/memory/classes/heap/unused:bytes"},
}

func heapInuse() uint64 {
	metrics.Read(inuseSamples)
	return inuseSamples[0].Value.Uint64() + inuseSamples[1].Value.Uint64()
}

// alloc makes a zeroed object of n bytes, either without pointers or of pointers only, and returns its address.
func alloc(n uint32, scan bool) uintptr {
	if scan {
		sinkPtr = make([]unsafe.Pointer, n/ptrSize)
		return uintptr(unsafe.Pointer(unsafe.SliceData(sinkPtr)))
	}
	sink = make([]byte, n)
	return uintptr(unsafe.Pointer(unsafe.SliceData(sink)))
}

const ptrSize = uint32(unsafe.Sizeof(uintptr(0)))

// roundup is the usable size of an object of n bytes, as append shows it: growing from nothing to n elements gives a
// capacity that fills the slot.
func roundup(n uint32, scan bool) uint32 {
	if scan {
		s := append([]unsafe.Pointer(nil), zeroPtrs[:n/ptrSize]...)
		sinkPtr = s
		return uint32(cap(s)) * ptrSize
	}
	s := append([]byte(nil), zeroBytes[:n]...)
	sink = s
	return uint32(cap(s))
}

const roundupMax = 40960

var (
	zeroBytes [roundupMax]byte
	zeroPtrs  [roundupMax / 4]unsafe.Pointer
)

// classSizes lists the slot sizes of the size classes: a request one byte above a slot gets the next one.
func classSizes() []uint32 {
	var sizes []uint32
	for n := uint32(1); n <= maxSmall; n = sizes[len(sizes)-1] + 1 {
		sizes = append(sizes, roundup(n, false))
	}
	return sizes
}

// maxSmall is the largest request that a size class serves; the eight bytes above it go to whole pages.
const maxSmall = 32760

// mallocHeader is what an object with pointers carries before it when it is above 128 bytes (on 32 bits).
const mallocHeader = 8

// requestFor is a request that lands in the class of that slot size, or 0 where no request can. Pointer-free requests
// below 16 bytes go to the tiny allocator, so the pointer-free class of 8-byte slots is never used.
func requestFor(slot uint32, scan bool) uint32 {
	switch {
	case !scan && slot < 16:
		return 0
	case !scan:
		return min(slot, maxSmall)
	case slot <= 32*ptrSize:
		return slot
	}
	return slot - mallocHeader
}

// A spanShape is what one span class looks like from outside.
type spanShape struct {
	npages, nelems uint32
	align          uint32 // the largest power of two, at most a page, that divides every address seen
}

// fillUp brings a span class to where its spans are all full, and measures it on the way.
func fillUp(request uint32, scan bool) spanShape {
	before := heapInuse()
	after := before
	for after == before {
		alloc(request, scan)
		after = heapInuse()
	}
	npages := uint32((after - before) / pageSize)
	// The new span holds one object; count how many more it takes.
	nelems := uint32(0)
	var low uintptr
	for heapInuse() == after {
		low |= alloc(request, scan)
		nelems++
	}
	// The last object opened yet another span; fill that one too, blindly: the caller's next object proves it.
	for range nelems - 1 {
		low |= alloc(request, scan)
	}
	return spanShape{npages, nelems, 1 << bits.TrailingZeros32(uint32(low)|pageSize)}
}

// provenSpanShape measures a span class, then takes three spans' worth of objects and one more, and insists that HeapInuse
// grows by exactly three spans and then by a fourth.
func provenSpanShape(request uint32, scan bool) spanShape {
	s := fillUp(request, scan)
	before := heapInuse()
	for range 3 * s.nelems {
		alloc(request, scan)
	}
	spanBytes := uint64(s.npages) * pageSize
	if got := heapInuse() - before; got != 3*spanBytes {
		fail("%d objects of %d bytes (scan %v) took %d bytes of spans, not %d", 3*s.nelems, request, scan, got, 3*spanBytes)
	}
	alloc(request, scan)
	if got := heapInuse() - before; got != 4*spanBytes {
		fail("one object of %d bytes (scan %v) after full spans took %d bytes, not one span", request, scan, got-3*spanBytes)
	}
	return s
}
