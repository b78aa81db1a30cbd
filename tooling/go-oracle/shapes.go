package main

// A shape draws one size. Both sides evaluate the operands from left to right, so that the generator's values are used
// in the same order; `rule` says the same in words, and is recorded.
type shape struct {
	name string
	rule string
	scan bool   // objects made of pointers only; sizes are then multiples of 4
	long uint32 // length of the long recording: some hundred spans, at most some 300 MB
	draw func(r *mulberry32) uint32
}

const maxSize = 100 << 10

var edges = [...]uint32{0, 1, 7, 8, 15, 16, 17, 1016, 1017, 1024, 1025, 32759, 32760, 32761, 32767, 32768, 32769, 40960, 40961}

var shapes = []shape{
	{"uniform", "below(102401)", false, 4000, func(r *mulberry32) uint32 { return r.below(maxSize + 1) }},
	{"small", "below(1025)", false, 30000, func(r *mulberry32) uint32 { return r.below(1025) }},
	{"tiny", "below(17)", false, 30000, func(r *mulberry32) uint32 { return r.below(17) }},
	{"pow2", "k = below(17); (1 << k) + below(3) - 1", false, 20000, func(r *mulberry32) uint32 {
		k := r.below(17)
		return 1<<k + r.below(3) - 1
	}},
	{"large", "32768 + below(69633)", false, 4000, func(r *mulberry32) uint32 { return 32768 + r.below(maxSize-32768+1) }},
	{"edges", "edges[below(edges.length)]", false, 10000, func(r *mulberry32) uint32 { return edges[r.below(uint32(len(edges)))] }},
	{"log", "k = below(16); (1 << k) + below(1 << k)", false, 20000, func(r *mulberry32) uint32 {
		k := r.below(16)
		return 1<<k + r.below(1<<k)
	}},
	{"scan-log", "k = below(13); 4 * ((1 << k) + below(1 << k))", true, 20000, func(r *mulberry32) uint32 {
		k := r.below(13)
		return 4 * (1<<k + r.below(1<<k))
	}},
}

func shapeNamed(name string) *shape {
	for i := range shapes {
		if shapes[i].name == name {
			return &shapes[i]
		}
	}
	fail("no shape is called %q", name)
	return nil
}
