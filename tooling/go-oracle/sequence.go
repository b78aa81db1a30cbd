package main

import (
	"runtime"
	"runtime/metrics"
)

// A sequence's recording: differences between before and after, with every span class full before.
type sequenceRecording struct {
	Shape string `json:"shape"`
	Rule  string `json:"rule"`
	Scan  bool   `json:"scan"`
	Seed  uint32 `json:"seed"`
	Count uint32 `json:"count"`

	FirstSizes []uint32 `json:"firstSizes"`
	SizesHash  uint32   `json:"sizesHash"`

	Mallocs     uint64 `json:"mallocs"`
	Frees       uint64 `json:"frees"`
	TinyAllocs  uint64 `json:"tinyAllocs"`
	LargeAllocs uint64 `json:"largeAllocs"`
	HeapObjects uint64 `json:"heapObjects"`
	TotalAlloc  uint64 `json:"totalAlloc"`
	HeapAlloc   uint64 `json:"heapAlloc"`
	HeapInuse   uint64 `json:"heapInuse"`
	// Mallocs of MemStats.BySize, all 61 entries.
	BySize []uint64 `json:"bySize"`
	// Objects per size class from runtime/metrics, which has all of them: index 0 is class 1.
	ByClass []uint64 `json:"byClass"`
	// Spans opened per size class, seen in the addresses: index 0 is class 1.
	Spans []uint32 `json:"spans"`
	// Which slots the objects got, in order: per size class a hash of each address modulo the page size.
	SlotHashes []uint32 `json:"slotHashes"`
	// The low four bits of the first addresses, one hexadecimal digit each ('-' for a zero-size request).
	FirstOffsets string `json:"firstOffsets"`
}

const (
	firstSizesCount   = 16
	firstOffsetsCount = 512
	fnvOffset         = uint32(2166136261)
	fnvPrime          = uint32(16777619)
)

// fnv1a takes the value's three low bytes, lowest first.
func fnv1a(h, v uint32) uint32 {
	h = (h ^ v&0xff) * fnvPrime
	h = (h ^ v>>8&0xff) * fnvPrime
	return (h ^ v>>16&0xff) * fnvPrime
}

// What the inner loop writes to: static, so that recording does not allocate.
var (
	offsets  [firstOffsetsCount]byte
	spans    [80]uint32
	slots    [80]uint32
	curBase  [80]uintptr
	prevBase [80]uintptr
	spanSize [80]uintptr
	classOf  [maxSmall + 1]uint8
	before   runtime.MemStats
)

const hexDigits = "0123456789abcdef"

func recordSequence(sh *shape, seed, count uint32) sequenceRecording {
	rec := sequenceRecording{Shape: sh.name, Rule: sh.rule, Scan: sh.scan, Seed: seed, Count: count}
	r := mulberry32(seed)
	rec.SizesHash = fnvOffset
	for i := range count {
		n := sh.draw(&r)
		if i < firstSizesCount {
			rec.FirstSizes = append(rec.FirstSizes, n)
		}
		rec.SizesHash = fnv1a(rec.SizesHash, n)
	}

	sizes := classSizes()
	c := 0
	for n := uint32(1); n <= maxSmall; n++ {
		for slotFor(n, sh.scan) > sizes[c] {
			c++
		}
		classOf[n] = uint8(c)
	}
	// Read once what will be read again, so that the second reading finds its memory made: from here on nothing but the
	// fillers and the sequence itself allocates.
	samples := []metrics.Sample{{Name: "/gc/heap/tiny/allocs:objects"}, {Name: "/gc/heap/allocs-by-size:bytes"}}
	metrics.Read(samples)
	countsBefore := make([]uint64, len(samples[1].Value.Float64Histogram().Counts))
	countsAfter := make([]uint64, len(countsBefore))
	for c, size := range sizes {
		if n := requestFor(size, sh.scan); n != 0 {
			spanSize[c] = uintptr(fillUp(n, sh.scan).npages) * pageSize
		}
	}
	runtime.ReadMemStats(&before) // flushes the caches' counts, which metrics.Read does not
	tinyBefore := readCounts(samples, countsBefore)

	for c := range slots {
		slots[c] = fnvOffset
	}
	r = mulberry32(seed)
	for i := range count {
		n := sh.draw(&r)
		addr := alloc(n, sh.scan)
		if i < firstOffsetsCount {
			offsets[i] = hexDigits[addr&15]
			if n == 0 {
				offsets[i] = '-'
			}
		}
		if n == 0 {
			continue
		}
		if n > maxSmall {
			if addr%pageSize != 0 {
				fail("an object of %d bytes is at %#x, not on a page", n, addr)
			}
			continue
		}
		c := classOf[n]
		slots[c] = fnv1a(slots[c], uint32(addr%pageSize))
		// A tiny object may still find room in a block of the span before.
		if addr-curBase[c] >= spanSize[c] && addr-prevBase[c] >= spanSize[c] {
			if addr%pageSize > mallocHeader {
				fail("the first object of a span of %d-byte slots is at %#x", sizes[c], addr)
			}
			prevBase[c] = curBase[c]
			curBase[c] = addr &^ (pageSize - 1)
			spans[c]++
		}
	}
	runtime.ReadMemStats(&ms)
	tinyAfter := readCounts(samples, countsAfter)

	rec.Mallocs = ms.Mallocs - before.Mallocs
	rec.Frees = ms.Frees - before.Frees
	rec.TinyAllocs = tinyAfter - tinyBefore
	rec.HeapObjects = ms.HeapObjects - before.HeapObjects
	rec.TotalAlloc = ms.TotalAlloc - before.TotalAlloc
	rec.HeapAlloc = ms.HeapAlloc - before.HeapAlloc
	rec.HeapInuse = ms.HeapInuse - before.HeapInuse
	for i := range ms.BySize {
		rec.BySize = append(rec.BySize, ms.BySize[i].Mallocs-before.BySize[i].Mallocs)
	}
	for i := range sizes {
		rec.ByClass = append(rec.ByClass, countsAfter[i]-countsBefore[i])
	}
	rec.LargeAllocs = countsAfter[len(countsAfter)-1] - countsBefore[len(countsBefore)-1]
	rec.Spans = append(rec.Spans, spans[:len(sizes)]...)
	rec.SlotHashes = append(rec.SlotHashes, slots[:len(sizes)]...)
	rec.FirstOffsets = string(offsets[:min(count, firstOffsetsCount)])
	rec.crossCheck(sizes)
	return rec
}

// slotFor is the slot that a request needs, before rounding to a class: objects of pointers above 128 bytes carry a
// header, pointer-free ones below 16 share a 16-byte slot.
func slotFor(n uint32, scan bool) uint32 {
	switch {
	case scan && n > 32*ptrSize:
		return n + mallocHeader
	case !scan && n < 16:
		return 16
	}
	return n
}

// readCounts copies the histogram of objects per size class (the last bucket holds large objects) and returns the number
// of tiny objects that shared a block.
func readCounts(samples []metrics.Sample, counts []uint64) (tiny uint64) {
	metrics.Read(samples)
	copy(counts, samples[1].Value.Float64Histogram().Counts)
	return samples[0].Value.Uint64()
}

// crossCheck holds the figures, which come from three sources, against one another. If anyone else had allocated
// meanwhile, or a span had not been full, they would not fit.
func (rec *sequenceRecording) crossCheck(sizes []uint32) {
	var small, bytes, spanBytes uint64
	for i, n := range rec.ByClass {
		small += n
		bytes += n * uint64(sizes[i])
		spanBytes += uint64(rec.Spans[i]) * uint64(spanSize[i])
		if i+1 < len(rec.BySize) && rec.BySize[i+1] != n {
			fail("BySize[%d] counts %d objects, runtime/metrics %d", i+1, rec.BySize[i+1], n)
		}
	}
	largeBytes := rec.TotalAlloc - bytes
	if got := small + rec.LargeAllocs + rec.TinyAllocs; got != rec.Mallocs {
		fail("%d small + large + tiny objects, but Mallocs is %d", got, rec.Mallocs)
	}
	if rec.Frees != rec.TinyAllocs || rec.HeapAlloc != rec.TotalAlloc {
		fail("Frees %d, HeapAlloc %d: something was swept", rec.Frees, rec.HeapAlloc)
	}
	if rec.HeapInuse != spanBytes+largeBytes {
		fail("HeapInuse grew by %d, the spans seen and the large objects take %d", rec.HeapInuse, spanBytes+largeBytes)
	}
	r, zero, large := mulberry32(rec.Seed), uint64(0), uint64(0)
	for range rec.Count {
		n := shapeNamed(rec.Shape).draw(&r)
		if n == 0 {
			zero++
		} else if n > maxSmall {
			large += uint64((n + pageSize - 1) &^ (pageSize - 1))
		}
	}
	if rec.Mallocs+zero != uint64(rec.Count) || large != largeBytes {
		fail("%d objects and %d zero-size requests of %d; large objects %d bytes, %d expected",
			rec.Mallocs, zero, rec.Count, largeBytes, large)
	}
}
