import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type OctetItems, PostingReader, grownCapacity, putVarint, unzigzag, varintLength, zigzag } from "./postings.ts";

const uint32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffffffff }), fc.nat(35).map((n) => Math.min(2 ** n, 0xffffffff)));

/** Objects of bytes in an array: a ref is where one begins. */
function octetsIn(u8: Uint8Array): OctetItems {
  return {
    get: (ref, i) => u8[ref + i]!,
    set: (ref, i, value) => {
      u8[ref + i] = value;
    },
  };
}

describe("packed postings", () => {
  it("take as many bytes as announced", () => {
    fc.assert(
      fc.property(uint32, (value) => {
        expect(putVarint(octetsIn(new Uint8Array(8)), 0, 1, value)).toBe(1 + varintLength(value));
      }),
    );
  });

  it("hold any difference between two files", () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (difference) => {
        expect(unzigzag(zigzag(difference))).toBe(difference);
      }),
    );
    expect([0, -1, 1, -2].map(zigzag)).toEqual([0, 1, 2, 3]);
  });

  it("are read back in the order in which they were written", () => {
    const posting = fc.record({ file: fc.nat(2 ** 31 - 1), count: fc.integer({ min: 1, max: 0xffffffff }) });
    fc.assert(
      fc.property(fc.array(posting), (postings) => {
        const octets = octetsIn(new Uint8Array(16 + postings.length * 10));
        let at = 0;
        let last = 0;
        for (const { file, count } of postings) {
          at = putVarint(octets, 16, at, zigzag(file - last));
          at = putVarint(octets, 16, at, count);
          last = file;
        }
        const reader = new PostingReader(octets, 16, at);
        const found: { file: number; count: number }[] = [];
        while (reader.next()) found.push({ file: reader.file, count: reader.count });
        expect(found).toEqual(postings);
      }),
    );
  });
});

describe("a growing object", () => {
  it("always comes to hold what is needed, in a multiple of eight bytes, and grows by at least a quarter", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 20 }), fc.integer({ min: 1, max: 10 }), (words, more) => {
        const capacity = words * 8;
        const next = grownCapacity(capacity, capacity + more);
        expect(next).toBeGreaterThanOrEqual(capacity + more);
        expect(next % 8).toBe(0);
        expect(next).toBeGreaterThanOrEqual(capacity * 1.25);
        expect(next).toBeLessThanOrEqual(capacity * 2 + 16);
      }),
    );
  });

  it("has sizes of whole size classes while it doubles: 16, 32, 64, 128 and 256 bytes with its head", () => {
    const sizes = [8];
    while (sizes.length < 5) sizes.push(grownCapacity(sizes.at(-1)!, sizes.at(-1)! + 1));
    expect(sizes.map((capacity) => 8 + capacity)).toEqual([16, 32, 64, 128, 256]);
  });
});
