import type { Ptr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { PageBits } from "./page-bits.ts";
import { findScavengeCandidate } from "./scavenge-candidate.ts";
import { Random, type BitRange } from "./testing/page-layout.ts";

const ALLOC = 0 as Ptr;

interface Case {
  readonly name: string;
  readonly alloc?: readonly BitRange[];
  readonly scavenged?: readonly BitRange[];
  readonly min: number;
  readonly max: number;
  readonly hugePages?: number;
  /** [0, 0]: there is none. */
  readonly want: BitRange;
}

/** Go's TestPallocDataFindScavengeCandidate. */
function cases(P: number): Case[] {
  const list: Case[] = [
    { name: "mixed", alloc: [[0, 40], [42, P - 42]], scavenged: [[0, 41], [42, P - 42]], min: 1, max: P, want: [41, 1] },
  ];
  if (P >= 512) list.push({ name: "multi", alloc: [[0, 63], [65, 20], [87, P - 87]], scavenged: [[86, 1]], min: 1, max: P, want: [85, 1] });
  for (let m = 1; m <= 64; m *= 2) {
    list.push(
      { name: "all free", min: m, max: P, want: [0, P] },
      { name: "all scavenged", scavenged: [[0, P]], min: m, max: P, want: [0, 0] },
      { name: "none free", alloc: [[0, P]], scavenged: [[P / 2, P / 2]], min: m, max: P, want: [0, 0] },
      { name: "start free", alloc: [[m, P - m]], min: m, max: P, want: [0, m] },
      { name: "end free", alloc: [[0, P - m]], min: m, max: P, want: [P - m, m] },
      { name: "max 0", scavenged: [[0, P - m]], min: m, max: 0, want: [P - m, m] },
    );
    if (P >= 512) {
      list.push(
        { name: "across words", alloc: [[0, 64 - m], [64 + m, P - (64 + m)]], min: m, max: 2 * m, want: [64 - m, 2 * m] },
        { name: "bottom edge, full word below", alloc: [[64, 64], [128 + 3 * m, P - (128 + 3 * m)]], scavenged: [[1, 10]], min: m, max: 3 * m, want: [128, 3 * m] },
        { name: "bottom edge, pocket below", alloc: [[64, 62], [127, 1], [128 + 3 * m, P - (128 + 3 * m)]], scavenged: [[1, 10]], min: m, max: 3 * m, want: [128, 3 * m] },
      );
    }
    if (m <= 8) {
      list.push(
        { name: "one free", alloc: [[0, 40], [40 + m, P - (40 + m)]], min: m, max: P, want: [40, m] },
        { name: "one scavenged", alloc: [[0, 40], [40 + m, P - (40 + m)]], scavenged: [[40, 1]], min: m, max: P, want: [0, 0] },
      );
    }
    if (m > 1) {
      list.push({ name: "max less than min", scavenged: [[0, P - m]], min: m, max: 1, want: [P - m, m] });
      if (P >= 2 * m) list.push({ name: "max unaligned", scavenged: [[0, P - (2 * m - 1)]], min: m, max: m - 2, want: [P - m, m] });
      if (P >= 512) {
        list.push(
          { name: "skip small", alloc: [[0, 64 - m], [64, 5], [70, 11], [82, P - 82]], min: m, max: m, want: [64 - m, m] },
          { name: "skip misaligned", alloc: [[0, 64 - m], [64, 63], [127 + m, P - (127 + m)]], min: m, max: m, want: [64 - m, m] },
        );
      }
    }
  }
  // A huge page of 2 MiB has 256 pages; the two other sizes stand for machines where it is as large as a chunk, or larger.
  for (const huge of [P / 2, P / 4]) {
    list.push(
      { name: "keeps a huge page whole at the bottom", alloc: [[huge + 2, P - (huge + 2)]], min: 1, max: 3, hugePages: huge, want: [0, huge + 2] },
      { name: "keeps a huge page whole at the top", alloc: [[0, P - huge]], min: 1, max: 1, hugePages: huge, want: [P - huge, huge] },
    );
  }
  list.push(
    { name: "keeps a huge page whole in the middle", alloc: [[0, P / 4 - 10], [P / 2 + 10, P / 2 - 10]], min: 1, max: 12, hugePages: P / 4, want: [P / 4, P / 4 + 10] },
    { name: "keeps a huge page whole that is the chunk", min: 1, max: 1, hugePages: P, want: [0, P] },
    { name: "knows no huge pages", min: 1, max: 1, hugePages: 0, want: [P - 1, 1] },
  );
  return list;
}

function make(P: number, alloc: readonly BitRange[] = [], scavenged: readonly BitRange[] = []): { bits: PageBits; scav: Ptr } {
  const words = P / 16;
  const bits = new PageBits(new Int32Array(new SharedArrayBuffer(words * 4), 0, words), P);
  const scav = (P / 32) as Ptr;
  for (const [i, n] of alloc) if (n > 0) bits.setRange(ALLOC, i, n);
  for (const [i, n] of scavenged) if (n > 0) bits.setRange(scav, i, n);
  return { bits, scav };
}

for (const P of [512, 64]) {
  describe(`what to give back of a chunk of ${P} pages`, () => {
    for (const c of cases(P)) {
      test(`the highest free run that is not scavenged: ${c.name}, min ${c.min}${c.hugePages === undefined ? "" : `, huge pages of ${c.hugePages}`}`, () => {
        const { bits, scav } = make(P, c.alloc, c.scavenged);
        const found = findScavengeCandidate(bits, ALLOC, scav, P - 1, c.min, c.max, c.hugePages ?? 0);
        expect(found === undefined ? [0, 0] : [found.start, found.npages]).toEqual(c.want);
      });
    }

    test("random bitmaps: aligned, free, unscavenged, at most max, and nothing of the kind above it", () => {
      const random = new Random(P);
      for (let round = 0; round < 2000; round++) {
        const { bits, scav } = make(P);
        for (let w = 0; w < P / 16; w++) bits.mem[w] = [0, 0, random.word() & random.word() & random.word(), -1][random.next(4)]!;
        const min = 1 << random.next(7);
        const max = random.next(P + 1);
        const taken = (i: number): boolean => bits.get(ALLOC, i) === 1 || bits.get(scav, i) === 1;
        const group = (g: number): boolean => Array.from({ length: min }, (_, k) => g * min + k).every((i) => !taken(i));
        let top = P / min - 1;
        while (top >= 0 && !group(top)) top--;
        const found = findScavengeCandidate(bits, ALLOC, scav, P - 1, min, max, 0);
        if (top < 0) {
          expect(found).toBeUndefined();
          continue;
        }
        let bottom = top;
        while (bottom > 0 && group(bottom - 1) && (top - bottom + 2) * min <= Math.max(min, Math.ceil(max / min) * min)) bottom--;
        expect(found).toEqual({ start: bottom * min, npages: (top - bottom + 1) * min });
      }
    });
  });
}
