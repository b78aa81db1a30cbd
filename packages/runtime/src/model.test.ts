/**
 * The heap against a naive model: an array of live blocks, each with its first and last byte, its contents, and nothing else.
 *
 * Any sequence of operations has to agree with it: blocks are aligned and never overlap, zeroed memory is zero however dirty it was
 * before, usableSize is Go's, and whatever is refused leaves everything as it was. After each sequence every block is looked at, the heap
 * verified, all of it freed, and verified again.
 */
import { roundupsize } from "@mallocgc/sizeclass";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createHeap, type Heap, type HeapError } from "./index.ts";

const MAX_BYTES = 4 << 20;
const TINY_SIZE = 16;
const PAGE = 8192;
/** Written over all of a block, so that it is dirty when it is used again. */
const DIRT = 0x5a;

/** A live block of the model; `fill` is the byte that stands in all of it. */
interface Block {
  readonly addr: number;
  readonly size: number;
  readonly usable: number;
  readonly fill: number;
}

type Op =
  | { readonly kind: "malloc"; readonly size: number; readonly noscan: boolean; readonly zeroed: boolean }
  | { readonly kind: "free" | "double" | "interior"; readonly pick: number; readonly offset: number }
  | { readonly kind: "wild"; readonly addr: number }
  | { readonly kind: "flush" }
  | { readonly kind: "verify" };

// Sizes that matter: around each border between ways of allocating, and everywhere else.
const size = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 15 }) },
  { weight: 4, arbitrary: fc.integer({ min: 16, max: 512 }) },
  { weight: 2, arbitrary: fc.integer({ min: 513, max: 32760 }) },
  { weight: 1, arbitrary: fc.integer({ min: 32761, max: 300_000 }) },
  { weight: 2, arbitrary: fc.constantFrom(7, 8, 12, 15, 16, 17, 120, 127, 128, 129, 136, 1008, 1016, 1017, 1024, 1025, 32752, 32753, 32760, 32761, 32768, 32769) },
);
const pick = fc.nat(1_000_000);
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("malloc"), size, noscan: fc.boolean(), zeroed: fc.boolean() }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("free"), pick, offset: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("double", "interior"), pick, offset: pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wild"), addr: fc.oneof(fc.nat(2 * MAX_BYTES), fc.constantFrom(0, -1, -8, 0.5, NaN, Infinity, 2 ** 32, 2 ** 53)) }) },
  { weight: 1, arbitrary: fc.constantFrom<Op>({ kind: "flush" }, { kind: "verify" }) },
);

/** What the address of a block of that size is a multiple of, in Go with pointers of 4 bytes. */
function alignmentOf(n: number, noscan: boolean): number {
  if (noscan && n < TINY_SIZE) return n % 8 === 0 || n === 12 ? 8 : n % 4 === 0 ? 4 : n % 2 === 0 ? 2 : 1;
  // Behind a type header of 8 bytes.
  if (!noscan && n > 128 && n <= 32760) return 8;
  const usable = roundupsize(n, noscan);
  return Math.min(usable & -usable, PAGE);
}

/** The heap and the model side by side. */
class Pair {
  readonly heap: Heap;
  readonly blocks: Block[] = [];
  freed = 0;
  exhausted = 0;

  constructor(heap: Heap) {
    this.heap = heap;
  }

  do(o: Op): void {
    if (o.kind === "malloc") this.malloc(o.size, o.noscan, o.zeroed);
    else if (o.kind === "wild") this.wild(o.addr);
    else if (o.kind === "flush") this.heap.flush();
    else if (o.kind === "verify") this.expectWhole();
    else if (this.blocks.length > 0) {
      const i = o.pick % this.blocks.length;
      const block = this.blocks[i]!;
      if (o.kind === "interior") this.interior(block, o.offset);
      else {
        this.free(i);
        if (o.kind === "double") this.expectRefused(block.addr, /^ERR_(NOT_ALLOCATED|ADDRESS_UNUSED|ADDRESS_INTERIOR)$/);
      }
    }
  }

  private malloc(n: number, noscan: boolean, zeroed: boolean): void {
    const { heap } = this;
    let addr: number;
    try {
      addr = heap.mallocgc(n, { noscan, zeroed });
    } catch (error) {
      // A heap of 4 MiB may be too fragmented, but not while the model holds less than a quarter of it.
      const live = this.blocks.reduce((sum, b) => sum + b.usable, 0);
      expect([(error as HeapError).code, live + n > MAX_BYTES / 4]).toEqual(["ERR_HEAP_EXHAUSTED", true]);
      this.exhausted++;
      return;
    }
    const usable = heap.usableSize(addr);
    if (n === 0) {
      expect([usable, addr]).toEqual([0, heap.mallocgc(0)]);
      return;
    }
    if (noscan && n < TINY_SIZE) {
      expect(usable).toBeGreaterThanOrEqual(n);
      expect((addr % TINY_SIZE) + usable).toBeLessThanOrEqual(TINY_SIZE);
    } else expect(usable).toBe(roundupsize(n, noscan));
    expect(addr % alignmentOf(n, noscan)).toBe(0);
    expect(addr).toBeGreaterThan(0);
    expect(addr + usable).toBeLessThanOrEqual(MAX_BYTES);
    const other = this.blocks.find((b) => addr < b.addr + b.usable && b.addr < addr + usable);
    expect(other, `${n} bytes at ${addr} overlap it`).toBeUndefined();
    if (zeroed) expect(firstOther(heap.u8, addr, usable, 0), `${n} bytes at ${addr} are zero`).toBe(-1);
    const fill = 1 + (this.blocks.length % 250);
    heap.u8.fill(fill, addr, addr + usable);
    this.blocks.push({ addr, size: n, usable, fill });
  }

  free(i: number): void {
    const [block] = this.blocks.splice(i, 1) as [Block];
    this.expectIntact(block);
    this.heap.u8.fill(DIRT, block.addr, block.addr + block.usable);
    this.heap.free(block.addr);
    this.freed++;
  }

  private interior(block: Block, offset: number): void {
    if (block.usable > 1) this.expectRefused(block.addr + 1 + (offset % (block.usable - 1)), /^ERR_ADDRESS_INTERIOR$/);
    this.expectIntact(block);
  }

  private wild(addr: number): void {
    // An address that happens to be a block's, or the empty block's, is not wild.
    if (addr === this.heap.mallocgc(0) || this.blocks.some((b) => b.addr === addr)) return;
    this.expectRefused(addr, /^ERR_(ADDRESS|ADDRESS_NIL|ADDRESS_OUTSIDE|ADDRESS_UNUSED|ADDRESS_INTERIOR|NOT_ALLOCATED)$/);
  }

  /** `free` and `usableSize` refuse the address, and neither changes how many objects live. */
  private expectRefused(addr: number, code: RegExp): void {
    const before = this.heap.readMemStats();
    for (const call of [() => this.heap.free(addr), () => this.heap.usableSize(addr)]) {
      expect(call, `address ${addr}`).toThrow(expect.objectContaining({ name: "HeapError", code: expect.stringMatching(code) }));
    }
    const { Frees, HeapAlloc } = this.heap.readMemStats();
    expect({ Frees, HeapAlloc }).toEqual({ Frees: before.Frees, HeapAlloc: before.HeapAlloc });
  }

  private expectIntact(block: Block): void {
    expect(firstOther(this.heap.u8, block.addr, block.usable, block.fill), `the ${block.size} bytes at ${block.addr} are intact`).toBe(-1);
    expect(this.heap.usableSize(block.addr)).toBeGreaterThanOrEqual(block.usable);
  }

  expectWhole(): number {
    const report = this.heap.verify();
    expect(report.broken).toEqual([]);
    return report.objects;
  }

  finish(): void {
    for (const block of this.blocks) this.expectIntact(block);
    this.expectWhole();
    while (this.blocks.length > 0) this.free(this.blocks.length - 1);
    this.heap.flush();
    expect(this.expectWhole()).toBe(0);
    const { HeapAlloc, HeapInuse, Mallocs, Frees } = this.heap.readMemStats();
    expect({ HeapAlloc, HeapInuse, live: Mallocs - Frees }).toEqual({ HeapAlloc: 0, HeapInuse: 0, live: 0 });
  }
}

/** The offset of the first of `n` bytes that is not `byte`, or -1. */
function firstOther(u8: Uint8Array, addr: number, n: number, byte: number): number {
  for (let i = 0; i < n; i++) if (u8[addr + i] !== byte) return i;
  return -1;
}

test("any sequence of operations agrees with the model", () => {
  fc.assert(
    fc.property(fc.array(op, { minLength: 1, maxLength: 120 }), (ops) => {
      const pair = new Pair(createHeap({ gc: false, maxBytes: MAX_BYTES, shared: false }));
      for (const o of ops) pair.do(o);
      pair.finish();
    }),
    { numRuns: 60 },
  );
});

test("so does a long sequence on a heap that is dirty, fragmented and full by then", () => {
  const pair = new Pair(createHeap({ gc: false, maxBytes: MAX_BYTES, shared: false }));
  fc.assert(
    fc.property(fc.array(op, { minLength: 50, maxLength: 400 }), fc.nat(100), (ops, keep) => {
      for (const o of ops) pair.do(o);
      while (pair.blocks.length > keep) pair.free((pair.blocks.length * 7919) % pair.blocks.length);
    }),
    { numRuns: 40, endOnFailure: true },
  );
  expect(pair.freed).toBeGreaterThan(500);
  for (let n = 1; pair.exhausted < 100; n = (n * 7) % 40_009) pair.do({ kind: "malloc", size: n, noscan: n % 3 > 0, zeroed: true });
  pair.finish();
});

test("objects of one size, freed in any order, come back zeroed, each slot once", () => {
  fc.assert(
    fc.property(size.filter((n) => n >= 1), fc.boolean(), fc.array(pick, { minLength: 1, maxLength: 200 }), (n, noscan, order) => {
      const pair = new Pair(createHeap({ gc: false, maxBytes: MAX_BYTES, shared: false }));
      const fill = (): void => {
        for (let i = 0; i < Math.min(order.length, Math.floor(MAX_BYTES / 8 / Math.max(16, n))); i++) pair.do({ kind: "malloc", size: n, noscan, zeroed: true });
      };
      fill();
      for (const at of order) if (pair.blocks.length > 0) pair.free(at % pair.blocks.length);
      fill();
      pair.finish();
    }),
    { numRuns: 60 },
  );
});
