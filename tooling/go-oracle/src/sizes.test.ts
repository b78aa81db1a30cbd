import { describe, expect, test } from "vitest";
import { HASH_START, hashInto, loadSequences } from "./recording.ts";
import { sizesOf } from "./sizes.ts";

describe("the sizes drawn here are those that Go allocated", () => {
  const { edges, sequences } = loadSequences();
  test.each(sequences)("$shape, $count objects", (sequence) => {
    const sizes = sizesOf(sequence, edges);
    expect(Array.from(sizes.subarray(0, sequence.firstSizes.length))).toEqual(sequence.firstSizes);
    expect(sizes.reduce(hashInto, HASH_START)).toBe(sequence.sizesHash);
  });
});
