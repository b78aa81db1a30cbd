package main

import (
	"fmt"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

// gc-alloc: allocation in a steady state. Each thread keeps -live objects in an array; an operation allocates an object and puts it in
// the place of one that is drawn at random, which is garbage from then on. What the collector takes from the threads, by
// assists, barriers, sweeping and competition, is in the figure.

// Objects with two pointers in front; the first is set to an object that lives for ever. 16 bytes are just that on 64 bits.
type (
	pair   struct{ first, second unsafe.Pointer }
	scan16 struct{ pair }
	scan64 struct {
		pair
		_ [64 - unsafe.Sizeof(pair{})]byte
	}
	scan256 struct {
		pair
		_ [256 - unsafe.Sizeof(pair{})]byte
	}
	scan1024 struct {
		pair
		_ [1024 - unsafe.Sizeof(pair{})]byte
	}
)

// A population is the objects of one thread, in an object wider than two cache lines, so that no thread writes to a line of another's.
type population interface {
	fill()
	replace(n int)
}

type scanned[T any] struct {
	slots  []*T
	anchor unsafe.Pointer
	draw   draw
	_      [128]byte
}

func (p *scanned[T]) make() *T {
	t := new(T)
	(*pair)(unsafe.Pointer(t)).first = p.anchor
	return t
}

func (p *scanned[T]) fill() {
	p.anchor = unsafe.Pointer(new(T))
	for i := range p.slots {
		p.slots[i] = p.make()
	}
}

func (p *scanned[T]) replace(n int) {
	slots, d := p.slots, p.draw
	for range n {
		slots[d.below(len(slots))] = p.make()
	}
	p.draw = d
}

type noscan[T any] struct {
	slots []*T
	draw  draw
	_     [128]byte
}

func (p *noscan[T]) fill() {
	for i := range p.slots {
		p.slots[i] = new(T)
	}
}

func (p *noscan[T]) replace(n int) {
	slots, d := p.slots, p.draw
	for range n {
		slots[d.below(len(slots))] = new(T)
	}
	p.draw = d
}

func newScanned[T any](live int, seed uint32) population {
	return &scanned[T]{slots: make([]*T, live), draw: newDraw(seed)}
}

func newNoscan[T any](live int, seed uint32) population {
	return &noscan[T]{slots: make([]*T, live), draw: newDraw(seed)}
}

func newPopulation(size int, pointers bool, live int, seed uint32) population {
	switch {
	case size == 16 && pointers:
		return newScanned[scan16](live, seed)
	case size == 64 && pointers:
		return newScanned[scan64](live, seed)
	case size == 256 && pointers:
		return newScanned[scan256](live, seed)
	case size == 1024 && pointers:
		return newScanned[scan1024](live, seed)
	case size == 16:
		return newNoscan[[16]byte](live, seed)
	case size == 64:
		return newNoscan[[64]byte](live, seed)
	case size == 256:
		return newNoscan[[256]byte](live, seed)
	case size == 1024:
		return newNoscan[[1024]byte](live, seed)
	}
	usage("there are objects of 16, 64, 256 and 1024 bytes, not of %d", size)
	return nil
}

// measureSteady replaces each object about once before the clock runs, so that the heap is as it will be from then on.
func measureSteady(o options) (result, error) {
	if o.live <= 0 {
		usage("gc-alloc needs -live, a positive number of objects")
	}
	size := positive("-size", o.size)
	populations := make([]population, o.threads)
	for i := range populations {
		populations[i] = newPopulation(size, o.pointers, o.live, o.seed+uint32(i))
	}
	together(populations, func(p population) { p.fill(); p.replace(o.live) })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	together(populations, func(p population) { p.replace(o.ops) })
	wall := float64(time.Since(start).Nanoseconds())
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(populations)
	if after.NumGC == before.NumGC {
		return result{}, fmt.Errorf("%d operations were too few for a collection", o.ops)
	}
	ops := o.ops * o.threads
	return result{
		NsPerOp: wall * float64(o.threads) / float64(ops), TotalNsPerOp: wall / float64(ops), Ops: ops,
		BytesPerOp:  float64(after.TotalAlloc-before.TotalAlloc) / float64(ops),
		AllocsPerOp: float64(after.Mallocs-before.Mallocs) / float64(ops),
		Cycles:      int(after.NumGC - before.NumGC),
	}, nil
}

// together calls f with each element in a goroutine of its own and returns when all have ended.
func together[T any](each []T, f func(T)) {
	var done sync.WaitGroup
	for _, x := range each {
		done.Go(func() { f(x) })
	}
	done.Wait()
}
