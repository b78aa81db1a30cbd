import fc from "fast-check";
import { Frontier, PersistentAlloc, createRegion, type Ptr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { RegionHash, hashBytes } from "./region-hash.ts";
import type { RootLayers } from "./root-host.ts";

const AT = 16 as Ptr;
const ENTRIES = 64;

/** An index at word 16; entries of two words from word 64 on; the rest of the region for buckets. */
function testIndex(): { index: RegionHash; mem: Int32Array } {
  const region = createRegion(1 << 20, false);
  const frontier = new Frontier(region, 32 as Ptr);
  frontier.init(4);
  const persistent = new PersistentAlloc(region, 40 as Ptr, frontier);
  const pages = { persistentAlloc: (bytes: number, align: number) => persistent.alloc(bytes, align) };
  return { index: new RegionHash({ region, pages } as unknown as RootLayers, AT), mem: region.i32 };
}

/** The entries of a chain that have that hash. */
function find(index: RegionHash, hash: number): number[] {
  const found: number[] = [];
  for (let entry = index.first(hash); entry !== 0; entry = index.next(entry)) if (index.hashOf(entry) === hash) found.push(entry);
  return found;
}

describe("RegionHash", () => {
  test("finds exactly what was inserted and not removed, under any hashes, across all its sizes", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(600), fc.constantFrom(0, 1, -1, 64, 0x7fffffff)), { maxLength: 900 }), (steps) => {
        const { index } = testIndex();
        const model = new Map<number, number>();
        for (const [insert, i, salt] of steps) {
          const entry = ENTRIES + 2 * i;
          if (insert && !model.has(entry)) {
            const hash = (i ^ salt) | 0;
            expect(index.insert(entry, hash)).toBe(true);
            model.set(entry, hash);
          } else if (!insert && model.delete(entry)) {
            index.remove(entry);
          }
        }
        expect(index.entries().sort()).toEqual([...model.keys()].sort());
        for (const [entry, hash] of model) expect(find(index, hash)).toContain(entry);
        expect(index.count).toBe(model.size);
      }),
      { numRuns: 30 },
    );
  });

  test("keeps chains short: buckets double when there are twice as many entries", () => {
    const { index } = testIndex();
    expect([index.first(5), index.bucket(5), index.count]).toEqual([0, [], 0]);
    for (let i = 0; i < 4000; i++) index.insert(ENTRIES + 2 * i, hashBytes(Buffer.from(`name ${i}`)));
    const longest = Math.max(...Array.from({ length: 4096 }, (_, i) => index.bucket(i).length));
    expect(longest).toBeLessThan(12);
    expect(index.count).toBe(4000);
  });
});

describe("hashBytes", () => {
  test("depends on every byte, on their order, and on the seed", () => {
    const hashes = [[], [0], [1], [0, 0], [1, 2], [2, 1], [1, 2, 0]].flatMap((bytes) => [0, 1].map((seed) => hashBytes(Uint8Array.from(bytes), seed)));
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});
