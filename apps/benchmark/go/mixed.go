package main

import (
	"encoding/json"
	"os"
	"sort"
)

const tableLength = 1 << 16

// mixedSizes draws a table of sizes from the [size, count] pairs in a file, as src/distribution.ts does.
func mixedSizes(path string, seed uint32) []int {
	if path == "" {
		usage("-size mixed needs -dist, a JSON file of [size, count] pairs")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		usage("%v", err)
	}
	var pairs [][2]int
	if err := json.Unmarshal(text, &pairs); err != nil || len(pairs) == 0 {
		usage("%s: expected a list of [size, count] pairs: %v", path, err)
	}
	upTo := make([]int, len(pairs))
	total := 0
	for i, pair := range pairs {
		if pair[0] <= 0 || pair[1] <= 0 {
			usage("%s: entry %d is not a [size, count] pair of positive integers: %v", path, i, pair)
		}
		total += pair[1]
		upTo[i] = total
	}
	x := seed
	if x == 0 {
		x = 1
	}
	sizes := make([]int, tableLength)
	for i := range sizes {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		ticket := int(uint64(x) * uint64(total) >> 32)
		sizes[i] = pairs[sort.SearchInts(upTo, ticket+1)][0]
	}
	return sizes
}
