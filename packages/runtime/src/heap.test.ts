import { openOsPages, openRegion } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { attachHeap, createHeap } from "./index.ts";
import { expectExact } from "./testing/figures.ts";

const MIB = 1 << 20;
const GIB = 2 ** 30;
const PAGE = 8192;

describe("the life of a heap", () => {
  test("a new heap is empty, and its figures hold from the first moment to the last", () => {
    const heap = createHeap({ gc: false, maxBytes: 32 * MIB });
    expectExact(heap);
    expect(heap.readMemStats()).toMatchObject({ Mallocs: 0, Frees: 0, HeapInuse: 0, HeapSys: 0 });
    const blocks: number[] = [];
    for (const size of [0, 1, 8, 15, 16, 100, 1000, 10_000, 32_760, 32_761, 1_000_000]) {
      for (let i = 0; i < 20; i++) blocks.push(heap.mallocgc(size, { noscan: i % 2 === 0 }));
      expectExact(heap);
    }
    expect(heap.readMemStats().Mallocs).toBe(200);
    blocks.forEach((addr, i) => {
      heap.free(addr);
      if (i % 20 === 0) expectExact(heap);
    });
    expectExact(heap);
    heap.flush();
    expectExact(heap);
    expect(heap.readMemStats()).toMatchObject({ Mallocs: 200, Frees: 200, HeapAlloc: 0, HeapInuse: 0, HeapObjects: 0 });
  });

  test("counters and blocks survive when every thread has left, and the next to attach goes on", () => {
    const heap = createHeap({ gc: false, maxBytes: 8 * MIB });
    const { handle } = heap;
    const addr = heap.mallocgc(100);
    heap.free(heap.mallocgc(5000));
    heap.mallocgc(40_000);
    heap.i32[addr >>> 2] = 42;
    const before = heap.readMemStats();
    heap.detach();

    const again = attachHeap(handle);
    const { MCacheInuse, ...after } = again.readMemStats();
    expect(after).toMatchObject({ Mallocs: before.Mallocs, Frees: before.Frees, TotalAlloc: before.TotalAlloc, BySize: before.BySize });
    expect(MCacheInuse).toBe(before.MCacheInuse);
    expect([again.i32[addr >>> 2], again.usableSize(addr), again.processorId]).toEqual([42, 112, 0]);
    again.free(addr);
    expectExact(again);
    expect(again.readMemStats().Frees).toBe(before.Frees + 1);
  });

  test("several attachments, in one thread too, share all blocks; places for threads are used anew", () => {
    const heap = createHeap({ gc: false, maxBytes: 8 * MIB, maxThreads: 3 });
    const others = [attachHeap(heap.handle), attachHeap(heap.handle)];
    expect([heap, ...others].map((h) => h.processorId)).toEqual([0, 1, 2]);
    expect(() => attachHeap(heap.handle)).toThrow(expect.objectContaining({ code: "ERR_TOO_MANY_THREADS", message: expect.stringContaining("all 3 places") as string }));
    const addr = others[0]!.mallocgc(300);
    others[1]!.free(addr);
    expect(() => heap.free(addr)).toThrow(expect.objectContaining({ code: "ERR_NOT_ALLOCATED" }));
    others[0]!.detach();
    expect(attachHeap(heap.handle).processorId).toBe(1);
    expectExact(heap);
  });

  test("a closed heap serves those who are attached until they leave", () => {
    const heap = createHeap({ gc: false, maxBytes: 4 * MIB });
    const other = attachHeap(heap.handle);
    const addr = heap.mallocgc(64);
    const { handle } = heap;
    heap.close();
    expect(() => attachHeap(handle)).toThrow(expect.objectContaining({ code: "ERR_HEAP_CLOSED" }));
    other.free(addr);
    other.mallocgc(100);
    expectExact(other);
    other.detach();
  });

  test("a heap that is not shared has everything but a handle", () => {
    const heap = createHeap({ gc: false, maxBytes: 4 * MIB, shared: false });
    expect(() => heap.handle).toThrow(expect.objectContaining({ code: "ERR_NOT_SHAREABLE", message: expect.stringContaining("shared: true") as string }));
    const addr = heap.mallocgc(1000);
    expect(heap.u8.buffer).toBeInstanceOf(ArrayBuffer);
    expect(heap.view(addr, Uint8Array).every((byte) => byte === 0)).toBe(true);
    heap.free(addr);
    expect(heap.freeOSMemory()).toBeGreaterThanOrEqual(0);
    expectExact(heap);
    heap.close();
  });

  test("the handle is a plain object that survives structured cloning", () => {
    const heap = createHeap({ gc: false, maxBytes: MIB });
    expect(Object.keys(heap.handle)).toEqual(["type", "layoutVersion", "memory"]);
    const copy = structuredClone(heap.handle);
    const other = attachHeap(copy);
    expect(other.u8.buffer).toBeInstanceOf(SharedArrayBuffer);
    other.free(heap.mallocgc(24));
  });
});

describe("blocks", () => {
  test("usableSize is the slot's, less the header of blocks with pointers; that of a tiny object ends where the next may start", () => {
    const heap = createHeap({ gc: false, maxBytes: 8 * MIB, shared: false });
    const usable = (size: number, noscan: boolean): number => heap.usableSize(heap.mallocgc(size, { noscan }));
    expect([0, 16, 17, 1000, 1024, 1025, 32_760, 32_761, 50_000].map((size) => usable(size, true))).toEqual([0, 16, 24, 1024, 1024, 1152, 32_768, 32_768, 57_344]);
    expect([0, 1, 8, 9, 128, 129, 1016, 1017, 32_760, 32_761].map((size) => usable(size, false))).toEqual([0, 8, 8, 16, 128, 136, 1016, 1144, 32_760, 32_768]);
    const [a, b] = [heap.mallocgc(3), heap.mallocgc(2)];
    expect([heap.usableSize(a), b - a, heap.usableSize(b)]).toEqual([4, 4, 2]);
    heap.flush(); // Closes the block: nothing will come after b.
    expect(heap.usableSize(b)).toBe(12);
  });

  test("zeroed: false leaves what was there, and is never less than asked for; the default is zero however dirty the slot", () => {
    const heap = createHeap({ gc: false, maxBytes: 8 * MIB, shared: false });
    for (const [size, noscan] of [[64, true], [64, false], [1000, false], [20_000, true], [100_000, true]] as const) {
      const dirty = heap.mallocgc(size, { noscan });
      heap.u8.fill(0xee, dirty, dirty + heap.usableSize(dirty));
      heap.free(dirty);
      heap.flush();
      const addr = heap.mallocgc(size, { noscan, zeroed: false });
      expect([size, addr, heap.u8[addr], heap.usableSize(addr) >= size]).toEqual([size, dirty, 0xee, true]);
      heap.free(addr);
      heap.flush();
      const clean = heap.mallocgc(size, { noscan });
      expect(heap.u8.subarray(clean, clean + heap.usableSize(clean)).findIndex((byte) => byte !== 0)).toBe(-1);
    }
  });

  test("a view covers its block and nothing else, for each type", () => {
    const heap = createHeap({ gc: false, maxBytes: 8 * MIB });
    const addr = heap.mallocgc(100);
    for (const type of [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array]) {
      const view = heap.view<ArrayLike<number | bigint> & { byteOffset: number; byteLength: number }>(addr, type);
      expect([view.byteOffset, view.byteLength, view.length]).toEqual([addr, 112, 112 / type.BYTES_PER_ELEMENT]);
    }
    expect(heap.view(addr, Int32Array, 5).length).toBe(5);
    expect(heap.view(addr, Int32Array, 0).length).toBe(0);
    heap.view(addr, Int32Array)[27] = 7;
    expect(heap.i32[(addr >>> 2) + 27]).toBe(7);
    const odd = heap.mallocgc(3) + heap.mallocgc(1) * 0;
    expect(heap.view(odd, Uint8Array).length).toBe(3);
  });

  test("spanOf tells of the span around any address in it", () => {
    const heap = createHeap({ gc: false, maxBytes: 8 * MIB });
    const addr = heap.mallocgc(1000);
    const info = heap.spanOf(addr + 999);
    expect(info).toEqual({
      base: addr, limit: addr + 8192, npages: 1, elemSize: 1024, nelems: 8, liveCount: 1, spanClass: info.spanClass, sizeClass: info.spanClass >> 1, noscan: true, state: "in use", heldBy: 0,
    });
    heap.flush();
    expect(heap.spanOf(addr)).toMatchObject({ heldBy: -1, liveCount: 1 });
    expect(heap.spanOf(heap.mallocgc(3 * PAGE * 5))).toMatchObject({ sizeClass: 0, npages: 15, nelems: 1, liveCount: 1 });
  });
});

describe("a heap of 4 GiB", () => {
  test("works above 2 GiB: allocate, write, look up, free, verify", () => {
    const heap = createHeap({ gc: false, maxBytes: 4 * GIB });
    const large = Array.from({ length: 7 }, () => heap.mallocgc(512 * MIB));
    expect(large.at(-1)).toBeGreaterThan(3 * GIB);
    const kinds = [[1, true], [24, true], [24, false], [1000, true], [1000, false], [20_000, true], [100_000, false]] as const;
    const blocks = kinds.map(([size, noscan]) => ({ addr: heap.mallocgc(size, { noscan }), size, noscan }));
    for (const { addr, size } of blocks) {
      expect(addr).toBeGreaterThan(3.4 * GIB);
      heap.u8[addr + size - 1] = 9;
      expect(heap.u8[addr]).toBe(size === 1 ? 9 : 0);
      expect(heap.usableSize(addr)).toBeGreaterThanOrEqual(size);
      expect(heap.spanOf(addr).base).toBeLessThanOrEqual(addr);
      expect(heap.spanOf(addr).limit).toBeGreaterThan(addr);
      expect(heap.view(addr, Uint8Array, size)[size - 1]).toBe(9);
      expect(() => heap.free(addr + 1)).toThrow(expect.objectContaining({ code: "ERR_ADDRESS_INTERIOR" }));
    }
    for (const addr of large) {
      expect(heap.spanOf(addr + 300 * MIB)).toMatchObject({ base: addr, limit: addr + 512 * MIB, elemSize: 512 * MIB });
      expect(heap.usableSize(addr)).toBe(512 * MIB);
      expect(() => heap.free(addr + PAGE)).toThrow(expect.objectContaining({ code: "ERR_ADDRESS_INTERIOR" }));
    }
    expectExact(heap);
    expect(() => heap.mallocgc(512 * MIB)).toThrow(expect.objectContaining({ code: "ERR_HEAP_EXHAUSTED" }));
    for (const addr of [...large, ...blocks.map((block) => block.addr)]) {
      heap.free(addr);
      expect(() => heap.free(addr)).toThrow(expect.objectContaining({ name: "HeapError" }));
    }
    heap.flush();
    expectExact(heap);
    // A block of more than 2 GiB, and one as large as a size can be.
    const huge = heap.mallocgc(3 * GIB, { zeroed: false });
    expect([heap.usableSize(huge), heap.spanOf(huge + 2.5 * GIB).base]).toEqual([3 * GIB, huge]);
    expect(heap.readMemStats().HeapAlloc).toBe(3 * GIB);
    expect(() => heap.mallocgc(2 ** 32 - 1)).toThrow(expect.objectContaining({ code: "ERR_HEAP_EXHAUSTED" }));
    heap.free(huge);
    expectExact(heap);
  });
});

describe("giving memory back", () => {
  const probe = createHeap({ gc: false, maxBytes: MIB });

  test.skipIf(probe.osBackend === "none")("freeOSMemory lowers what the system holds for the heap by what it says, and HeapReleased says so", () => {
    const heap = createHeap({ gc: false, maxBytes: 64 * MIB });
    const os = openOsPages(openRegion(heap.handle.memory));
    const blocks = Array.from({ length: 32 }, () => heap.mallocgc(MIB));
    const resident = (): number => os.resident(blocks[0]!, 32 * MIB);
    for (const addr of blocks) heap.u8.fill(1, addr, addr + MIB);
    const full = resident();
    expect([full, blocks.at(-1)]).toEqual([32 * MIB, blocks[0]! + 31 * MIB]);
    for (const addr of blocks) heap.free(addr);
    expect(resident()).toBe(full);
    const before = heap.readMemStats();
    const given = heap.freeOSMemory();
    const after = heap.readMemStats();
    expect(given).toBe(32 * MIB);
    expect(full - resident()).toBe(given);
    expect(after.HeapReleased - before.HeapReleased).toBe(given);
    expect(after.HeapReleased).toBe(after.HeapIdle);
    expect(heap.freeOSMemory()).toBe(0);
    expectExact(heap);
    // And it can all be had again, zero.
    const addr = heap.mallocgc(32 * MIB);
    expect([heap.u8[addr], heap.u8[addr + 32 * MIB - 1]]).toEqual([0, 0]);
    expectExact(heap);
  });

  test("what cannot be given back is not claimed", () => {
    const heap = createHeap({ gc: false, maxBytes: 8 * MIB });
    heap.free(heap.mallocgc(MIB));
    const { HeapReleased } = heap.readMemStats();
    const given = heap.freeOSMemory();
    expect(heap.readMemStats().HeapReleased).toBe(HeapReleased + given);
    if (heap.osBackend === "none") expect(given).toBe(0);
  });
});
