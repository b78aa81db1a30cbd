package main

// mulberry32 is a generator that JavaScript can replay bit for bit: every step is 32-bit integer arithmetic
// (Math.imul, >>>, ^). The same text stands in data/prng.json, and src/prng.ts is its other half.
type mulberry32 uint32

const prngText = "mulberry32: s = (s + 0x6d2b79f5) mod 2^32; t = imul(s ^ s>>>15, s | 1); " +
	"t = (t + imul(t ^ t>>>7, t | 61)) ^ t; value = t ^ t>>>14, as an unsigned 32-bit integer"

func (s *mulberry32) next() uint32 {
	*s += 0x6d2b79f5
	a := uint32(*s)
	t := (a ^ a>>15) * (a | 1)
	t = (t + (t^t>>7)*(t|61)) ^ t
	return t ^ t>>14
}

// below returns next() mod n. The bias of the remainder does not matter here; that both sides agree does.
func (s *mulberry32) below(n uint32) uint32 { return s.next() % n }
