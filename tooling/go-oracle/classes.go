package main

import "runtime"

type classRow struct {
	Size   uint32 `json:"size"`
	Npages uint32 `json:"npages"`
	// Objects per span; 0 where Go never uses the span class.
	NelemsNoscan uint32 `json:"nelemsNoscan"`
	NelemsScan   uint32 `json:"nelemsScan"`
	Align        uint32 `json:"align"`
}

type classesRecording struct {
	BySize []uint32 `json:"bySize"`
	// Where the usable size changes: [smallest request, usable size], for requests of 1 byte up to 40960.
	RoundupNoscan [][2]uint32 `json:"roundupNoscan"`
	// The same for objects of pointers only, requests in steps of 4 bytes.
	RoundupScan [][2]uint32 `json:"roundupScan"`
	Classes     []classRow  `json:"classes"`
}

func recordClasses() classesRecording {
	var rec classesRecording
	runtime.ReadMemStats(&ms)
	for _, b := range ms.BySize {
		rec.BySize = append(rec.BySize, b.Size)
	}
	rec.RoundupNoscan = roundupSteps(1, false)
	rec.RoundupScan = roundupSteps(ptrSize, true)
	for _, size := range classSizes() {
		var noscan, scan spanShape
		if n := requestFor(size, false); n != 0 {
			noscan = provenSpanShape(n, false)
		}
		if n := requestFor(size, true); n != 0 {
			scan = provenSpanShape(n, true)
		}
		row := classRow{size, scan.npages, noscan.nelems, scan.nelems, scan.align}
		if noscan.nelems != 0 {
			if noscan.npages != scan.npages {
				fail("spans of %d-byte slots: %d pages without pointers, %d with", size, noscan.npages, scan.npages)
			}
			row.Align = noscan.align
		}
		rec.Classes = append(rec.Classes, row)
	}
	return rec
}

func roundupSteps(step uint32, scan bool) [][2]uint32 {
	var steps [][2]uint32
	last := uint32(0)
	for n := step; n <= roundupMax; n += step {
		if c := roundup(n, scan); c != last {
			steps = append(steps, [2]uint32{n, c})
			last = c
		}
	}
	return steps
}
