import { MSpan, SCAN_NEVER, type SpanPtr } from "@mallocgc/mspan";
import { NUM_SPAN_CLASSES } from "@mallocgc/sizeclass";
import { randomFrom } from "@mallocgc/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sweepKernel } from "./sweep-span.ts";
import { MarkerHeap } from "./testing/marker-heap.ts";

const S = MSpan.offset;
const CLOBBER = 0xdeadbeef | 0;

/** What a sweep leaves of a span, slot by slot. */
interface Swept {
  readonly live: boolean[];
  readonly handedOut: boolean[];
  readonly died: number;
}

/** The same in TypeScript, from the definitions: one slot after the other. */
function reference(heap: MarkerHeap, s: SpanPtr): Swept {
  const mem = heap.region.i32;
  const slots = Array.from({ length: mem[s + S.nelems]! }, (_, i) => i);
  const freeIndex = mem[s + S.freeIndex]!;
  const since = mem[s + S.freeIndexForScan]!;
  const allocated = slots.map((i) => ((mem[mem[s + S.allocBits]! + (i >>> 5)]! >>> (i & 31)) & 1) === 1);
  const handedOut = slots.map((i) => i < freeIndex || allocated[i]!);
  const live = slots.map((i) => handedOut[i]! && (heap.marks.isMarked(s, i) || (since <= i && i < freeIndex && !allocated[i]!)));
  return { live, handedOut, died: slots.filter((i) => handedOut[i]! && !live[i]!).length };
}

/** A span in the middle of its life: some slots allocated at the last sweep, more handed out since, some of them while marking, some marked. */
function spanInUse(heap: MarkerHeap, spanClass: number, seed: number): SpanPtr {
  const random = randomFrom(seed);
  const mem = heap.region.i32;
  const s = heap.span(spanClass, spanClass < 2 ? 8 : undefined);
  const nelems = heap.spans.nelems(s);
  const own = heap.spans.ownAllocBits(s);
  if (random(3) > 0) {
    for (let i = 0; i < nelems; i++) if (random(3) === 0) mem[own + (i >>> 5)]! |= 1 << (i & 31);
    mem[s + S.allocBits] = own;
    heap.spans.rewind(s);
  }
  let wanted = random(nelems + 2);
  const black = random(2) === 0 ? random(nelems + 2) : -1;
  for (; wanted >= 0 && !heap.spans.isSpent(s); wanted--) {
    if (wanted === black) mem[s + S.freeIndexForScan] = mem[s + S.freeIndex]!;
    heap.spans.nextFree(s);
  }
  const { handedOut } = reference(heap, s);
  const share = 1 + random(3);
  // A mark on a slot that was never handed out is not a live object.
  handedOut.forEach((_, i) => { if (random(share) === 0) heap.marks.mark(s, i); });
  return s;
}

function bitsOf(heap: MarkerHeap, at: number, n: number): boolean[] {
  return Array.from({ length: n }, (_, i) => ((heap.region.i32[at + (i >>> 5)]! >>> (i & 31)) & 1) === 1);
}

const anySpan = fc.record({ spanClass: fc.integer({ min: 0, max: NUM_SPAN_CLASSES - 1 }), seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }) });

test("a sweep keeps what is live and frees the rest, as the definitions say, for every span class", () => {
  fc.assert(fc.property(anySpan, ({ spanClass, seed }) => {
    const heap = MarkerHeap.create(4 << 20);
    const mem = heap.region.i32;
    const s = spanInUse(heap, spanClass, seed);
    const nelems = heap.spans.nelems(s);
    const expected = reference(heap, s);
    const needzero = mem[s + S.needzero]!;
    expect(sweepKernel(heap.region, false).sweep(s)).toBe(expected.died);
    expect(mem[s + S.allocBits]).toBe(heap.spans.ownAllocBits(s));
    expect(bitsOf(heap, mem[s + S.allocBits]!, nelems)).toEqual(expected.live);
    expect(bitsOf(heap, mem[s + S.freedBits]!, nelems)).toEqual(Array(nelems).fill(false));
    expect(mem[s + S.allocCount]).toBe(expected.live.filter(Boolean).length);
    expect(mem[s + S.freeIndexForScan]).toBe(SCAN_NEVER);
    expect(mem[s + S.needzero]).toBe(expected.died > 0 ? 1 : needzero);
    const [freeIndex, allocCache] = [mem[s + S.freeIndex]!, mem[s + S.allocCache]!];
    heap.spans.rewind(s);
    expect([freeIndex, allocCache]).toEqual([mem[s + S.freeIndex], mem[s + S.allocCache]]);
  }), { numRuns: 400 });
});

test("after a sweep exactly the slots that are not live are handed out again", () => {
  fc.assert(fc.property(anySpan, ({ spanClass, seed }) => {
    const heap = MarkerHeap.create(4 << 20);
    const s = spanInUse(heap, spanClass, seed);
    const { live } = reference(heap, s);
    sweepKernel(heap.region, false).sweep(s);
    const got = new Set<number>();
    for (let addr = heap.spans.nextFree(s); addr !== 0; addr = heap.spans.nextFree(s)) got.add(heap.spans.slotOf(s, addr));
    expect(live.map((_, i) => got.has(i))).toEqual(live.map((isLive) => !isLive));
  }), { numRuns: 100 });
});

test("clobbering fills dead slots, and only those, with the pattern", () => {
  fc.assert(fc.property(anySpan, ({ spanClass, seed }) => {
    const heap = MarkerHeap.create(4 << 20);
    const mem = heap.region.i32;
    const s = spanInUse(heap, spanClass, seed);
    const size = heap.spans.elemSize(s) / 4;
    const expected = reference(heap, s);
    const slot = (i: number): Int32Array => mem.subarray(heap.spans.slotAddr(s, i) >>> 2, (heap.spans.slotAddr(s, i) >>> 2) + size);
    for (const i of expected.live.keys()) slot(i).fill(i + 1);
    expect(sweepKernel(heap.region, true).sweep(s)).toBe(expected.died);
    for (const [i, isLive] of expected.live.entries()) {
      const want = expected.handedOut[i]! && !isLive ? CLOBBER : i + 1;
      expect(slot(i).every((word) => word === want)).toBe(true);
    }
  }), { numRuns: 100 });
});

test("a second sweep without marks frees everything", () => {
  const heap = MarkerHeap.create(4 << 20);
  const kernel = sweepKernel(heap.region, false);
  const s = spanInUse(heap, 10, 5);
  kernel.sweep(s);
  const live = heap.spans.allocCount(s);
  expect(live).toBeGreaterThan(0);
  expect(kernel.sweep(s)).toBe(live);
  expect(heap.spans.allocCount(s)).toBe(0);
});

test("a fresh span that borrowed its bits has its own after the sweep, and the borrowed ones stay zero", () => {
  const heap = MarkerHeap.create(4 << 20);
  const s = heap.span(11);
  for (let i = 0; i < 40; i++) heap.marks.mark(s, heap.spans.slotOf(s, heap.spans.nextFree(s)));
  expect(sweepKernel(heap.region, false).sweep(s)).toBe(0);
  expect(bitsOf(heap, heap.spans.noBits, 64)).toEqual(Array(64).fill(false));
  expect(bitsOf(heap, heap.spans.ownAllocBits(s), 64)).toEqual(Array.from({ length: 64 }, (_, i) => i < 40));
});
