package main

// A draw makes the random numbers of every case: three shifts and a multiplication, as in the other implementations.
type draw struct{ state uint32 }

func newDraw(seed uint32) draw {
	if seed == 0 {
		seed = 1
	}
	return draw{seed}
}

func (d *draw) below(n int) int {
	x := d.state
	x ^= x << 13
	x ^= x >> 17
	x ^= x << 5
	d.state = x
	return int(uint64(x) * uint64(n) >> 32)
}
