// What Go's runtime makes of sizes, seen from outside: the data in go-size-classes.ts.
//
//	GOARCH=386 GOGC=off go run record.go
//
// roundupsize shows in the capacity that append chooses; nelems, in how many objects of a size share a page of 8 KiB.
package main

import (
	"fmt"
	"unsafe"
)

const ptrSize = int(unsafe.Sizeof(uintptr(0)))

var keep []unsafe.Pointer

func noscanCap(size int) int { return cap(append([]byte(nil), make([]byte, size)...)) }

func scanCap(size int) int {
	return cap(append([]*byte(nil), make([]*byte, size/ptrSize)...)) * ptrSize
}

// steps prints each size at which the result of f changes, with the result.
func steps(name string, from, by, to int, f func(int) int) {
	fmt.Printf("%s", name)
	last := 0
	for size := from; size <= to; size += by {
		if got := f(size); got != last {
			fmt.Printf(" %d:%d", size, got)
			last = got
		}
	}
	fmt.Println()
}

// perPage is the largest number of objects found in one page.
func perPage(alloc func() unsafe.Pointer) int {
	count := map[uintptr]int{}
	most := 0
	for i := 0; i < 6000; i++ {
		p := alloc()
		keep = append(keep, p)
		page := uintptr(p) >> 13
		count[page]++
		most = max(most, count[page])
	}
	return most
}

func main() {
	steps("roundupsize noscan", 1, 1, 40000, noscanCap)
	steps("roundupsize scan", ptrSize, ptrSize, 40000, scanCap)

	fmt.Print("nelems noscan")
	for _, size := range []int{16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 256, 512, 1024, 2048} {
		fmt.Printf(" %d:%d", size, perPage(func() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(make([]byte, size))) }))
	}
	fmt.Print("\nnelems scan")
	for _, size := range []int{8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 256, 512, 1024, 2048} {
		n := size / ptrSize
		if size > 128 {
			n -= 8 / ptrSize // the header
		}
		fmt.Printf(" %d:%d", size, perPage(func() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(make([]*byte, n))) }))
	}
	fmt.Println()
}
