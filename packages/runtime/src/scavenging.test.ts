/**
 * Memory goes back while a program runs: in the background after a cycle, at once for a memory limit, all by freeOSMemory. One thread and no background threads, so
 * that a clock of the test's drives all of it: cycles, the timer of idle time, the pace.
 */
import { openOsPages, openRegion, type OsPages } from "@mallocgc/sysmem";
import { randomFrom } from "@mallocgc/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { array, createHeap, heapLayout, u8, type Heap, type HeapOptions } from "./index.ts";
import { LateOsPages } from "./scavenging.ts";
import { expectExact } from "./testing/figures.ts";

const MIB = 1 << 20;
const PAGE = 8192;
const BytesType = array(u8);
const canRelease = createHeap({ gc: false, maxBytes: MIB }).osBackend !== "none";
const open: Heap[] = [];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance", "Date"] });
});

afterEach(() => {
  vi.restoreAllMocks();
  for (const heap of open.splice(0)) heap.close();
  vi.useRealTimers();
});

function newHeap(options: HeapOptions = {}): Heap {
  const heap = createHeap({ maxBytes: 256 * MIB, gcWorkers: 0, ...options });
  open.push(heap);
  return heap;
}

/** Objects of a MiB under names "0", "1", ..., every byte written. */
function fill(heap: Heap, n: number, from = 0): void {
  const Bytes = heap.type(BytesType);
  for (let i = from; i < from + n; i++) {
    heap.turn(() => {
      const at = heap.alloc(Bytes, MIB - 16);
      heap.u8.fill(1, at + 16, at + MIB - 16);
      heap.roots.set(String(i), at);
    });
  }
}

function drop(heap: Heap, n: number, from = 0): void {
  for (let i = from; i < from + n; i++) heap.roots.delete(String(i));
}

const retained = ({ HeapSys, HeapReleased }: { HeapSys: number; HeapReleased: number }): number => HeapSys - HeapReleased;

describe.runIf(canRelease)("in the background", () => {
  test("what a cycle has freed goes back after the next, at the scavenger's pace, down to the goal and no further", () => {
    const heap = newHeap();
    fill(heap, 100);
    heap.gcSync();
    drop(heap, 90);
    heap.gcSync();
    vi.advanceTimersByTime(10_000);
    expect(heap.readMemStats().HeapIdle - heap.readMemStats().HeapReleased, "freed in this generation").toBeGreaterThanOrEqual(90 * MIB);
    heap.gcSync();
    const { goal } = heap.gcStats();
    const [last] = heap.gcCycles().slice(-1);
    const inUse = heap.readMemStats().HeapInuse;
    // The goal of this cycle, and of the one before: 10 MiB live, each time.
    const expected = inUse * (goal / last!.goal) * 1.1;
    const steps: number[] = [];
    for (let s = 0; s < 120 && retained(heap.readMemStats()) > expected; s++) {
      steps.push(retained(heap.readMemStats()));
      vi.advanceTimersByTime(1000);
    }
    expect(steps.length, "seconds: by and by").toBeGreaterThan(3);
    expect(retained(heap.readMemStats())).toBeGreaterThan(expected - MIB);
    vi.advanceTimersByTime(3600_000);
    expect(retained(heap.readMemStats()), "no further").toBeGreaterThan(expected - MIB);
    expect(vi.getTimerCount(), "nothing more to do, so no timer").toBe(0);
    expectExact(heap);
    expect(heap.verify().broken).toEqual([]);
  });

  test("nothing goes back where the heap is what it was", () => {
    const heap = newHeap();
    fill(heap, 50);
    for (let i = 0; i < 4; i++) {
      heap.gcSync();
      vi.advanceTimersByTime(60_000);
    }
    const { HeapReleased, HeapIdle } = heap.readMemStats();
    expect(HeapIdle - HeapReleased).toBeLessThan(5 * MIB);
    expect(heap.gcCycles().reduce((sum, { pages }) => sum + pages!.releasedBg, 0)).toBe(0);
  });

  test("a setting that lowers the goal is followed without a cycle", () => {
    const heap = newHeap();
    fill(heap, 60);
    drop(heap, 50);
    for (let i = 0; i < 2; i++) heap.gcSync();
    vi.advanceTimersByTime(100);
    const before = heap.readMemStats();
    heap.debug.setMemoryLimit(20 * MIB);
    heap.turn(() => undefined);
    vi.advanceTimersByTime(600_000);
    const after = heap.readMemStats();
    expect(before.Sys - before.HeapReleased).toBeGreaterThan(20 * MIB);
    expect(after.Sys - after.HeapReleased).toBeLessThanOrEqual(19 * MIB);
  });

  test("a timer is set only while there is something to do, and none is left when the thread leaves", () => {
    const heap = newHeap();
    fill(heap, 30);
    expect(vi.getTimerCount()).toBe(0);
    drop(heap, 30);
    for (let i = 0; i < 2; i++) heap.gcSync();
    heap.turn(() => undefined);
    expect(vi.getTimerCount()).toBe(1);
    heap.close();
    expect(vi.getTimerCount()).toBe(0);
    open.splice(open.indexOf(heap), 1);
  });
});

describe("a cycle under way", () => {
  test("comes to its end in idle time", () => {
    const heap = newHeap();
    fill(heap, 3);
    heap.turn(() => undefined);
    expect(heap.gcStats()).toMatchObject({ cyclesSwept: 0 });
    fill(heap, 4);
    vi.advanceTimersByTime(1000);
    expect(heap.gcStats()).toMatchObject({ phase: "off", cyclesSwept: heap.gcStats().cyclesBegun });
    expect(heap.gcStats().cyclesBegun).toBeGreaterThan(0);
  });
});

describe.runIf(canRelease)("freeOSMemory", () => {
  test("collects first, then gives all back, and says how much; so does the one that does not block", async () => {
    const heap = newHeap();
    for (const free of [() => heap.freeOSMemory(), () => heap.freeOSMemoryAsync()]) {
      fill(heap, 20);
      drop(heap, 15);
      const before = heap.readMemStats();
      const promise = free();
      await vi.advanceTimersByTimeAsync(1000);
      const given = await promise;
      const after = heap.readMemStats();
      expect(after.HeapInuse).toBeLessThan(6 * MIB);
      expect(after.HeapReleased).toBe(after.HeapIdle);
      // A batch in the background may have come between.
      expect(given).toBeGreaterThan(12 * MIB);
      expect(given).toBeLessThanOrEqual(after.HeapReleased - before.HeapReleased);
    }
    expectExact(heap);
  });
});

describe.runIf(canRelease)("a memory limit", () => {
  test("of a by-hand heap is kept by whoever allocates: what lies free goes back for what is needed", () => {
    const heap = newHeap({ gc: false, memoryLimit: 40 * MIB });
    const ready = (): number => heap.readMemStats().Sys - heap.readMemStats().HeapReleased;
    // Pieces that are too small for what comes: the heap has to grow.
    const pieces = Array.from({ length: 60 }, () => heap.mallocgc(MIB / 2));
    pieces.forEach((addr, i) => { if (i % 2 === 0) heap.free(addr); });
    heap.flush();
    for (let i = 0; i < 12; i++) {
      heap.mallocgc(MIB);
      expect(ready()).toBeLessThanOrEqual(40 * MIB);
    }
    expect(heap.readMemStats().HeapSys).toBeGreaterThan(40 * MIB);
    expectExact(heap);
  });

  test("of a collected heap holds where what lives fits, though growth alone would take twice as much", () => {
    const most = [Infinity, 40 * MIB].map((memoryLimit) => {
      const heap = newHeap({ memoryLimit, gcPercent: 400 });
      const Bytes = heap.type(BytesType);
      fill(heap, 15);
      let max = 0;
      for (let i = 0; i < 4000; i++) {
        heap.turn(() => { for (let n = 0; n < 8; n++) heap.alloc(Bytes, 8000); });
        const { Sys, HeapReleased } = heap.readMemStats();
        max = Math.max(max, Sys - HeapReleased);
      }
      expectExact(heap);
      return max;
    });
    expect(most[0]).toBeGreaterThan(70 * MIB);
    expect(most[1]).toBeLessThanOrEqual(40 * MIB);
  });

  test("can be set later, by hand too, and is asked for with a number below 0", () => {
    const heap = newHeap({ gc: false });
    expect([heap.debug.setMemoryLimit(30 * MIB), heap.debug.setMemoryLimit(-1), heap.debug.setMemoryLimit(Infinity), heap.debug.setMemoryLimit(-1)]).toEqual([
      Infinity, 30 * MIB, 30 * MIB, Infinity,
    ]);
  });
});

describe("an operating system that refuses", () => {
  test("is counted, told of once, and changes no figure", () => {
    vi.spyOn(LateOsPages.prototype, "pageSize", "get").mockReturnValue(4096);
    vi.spyOn(LateOsPages.prototype, "release").mockReturnValue(0);
    const warn = vi.spyOn(console, "warn").mockReturnValue(undefined);
    const heap = newHeap();
    fill(heap, 20);
    drop(heap, 20);
    for (let i = 0; i < 3; i++) heap.gcSync();
    const before = heap.readMemStats();
    vi.advanceTimersByTime(10_000);
    expect(heap.freeOSMemory()).toBe(0);
    const { HeapSys, HeapIdle, HeapInuse, HeapReleased } = before;
    expect(heap.readMemStats()).toMatchObject({ HeapSys, HeapIdle, HeapInuse, HeapReleased });
    expect(heap.osFailures).toBeGreaterThan(1);
    expect(warn.mock.calls.map(([line]) => String(line))).toEqual([expect.stringMatching(/refused/)]);
    expectExact(heap);
  });
});

/** Bytes of the heap's pages, which begin at `first`, that are not in physical memory. */
function notResident(heap: Heap, os: OsPages, first: number): number {
  const { HeapSys } = heap.readMemStats();
  return HeapSys - os.resident(first, HeapSys);
}

describe.runIf(canRelease)("an hour of a program that grows and shrinks at random", () => {
  test.each([1, 2, 3])("HeapReleased is, within a hundredth, what the operating system says is not there; memory that comes back is zero (seed %i)", (seed) => {
    const random = randomFrom(seed);
    const options: HeapOptions = { maxBytes: 256 * MIB, gcWorkers: 0, gcPercent: 50, chunkPages: 64 };
    const heap = newHeap(options);
    const first = Math.ceil(heapLayout(options).end / PAGE) * PAGE;
    const os = openOsPages(openRegion(heap.handle.memory));
    const Bytes = heap.type(BytesType);
    let live = 0;
    let dirty = 0;
    let checks = 0;
    let released = 0;
    for (let minute = 0; minute < 60; minute++) {
      const wanted = random(100);
      for (let i = live; i < wanted; i++) {
        heap.turn(() => {
          const at = heap.alloc(Bytes, 40_000 + random(1_500_000));
          const end = at + heap.usableSize(at);
          for (let byte = at + 16; byte < end; byte += 1000) dirty |= heap.u8[byte]!;
          // To the last page: one that nobody touches is not released, and not resident either.
          heap.u8.fill(0xff, at + 16, end);
          heap.roots.set(String(i), at);
        });
        if (random(10) === 0) vi.advanceTimersByTime(200);
      }
      drop(heap, Math.max(0, live - wanted), wanted);
      live = wanted;
      if (random(4) === 0) heap.gcSync();
      if (random(15) === 0) released += heap.freeOSMemory();
      vi.advanceTimersByTime(60_000);
      const { HeapReleased, HeapSys } = heap.readMemStats();
      if (HeapReleased < HeapSys / 20) continue;
      checks++;
      expect(Math.abs(notResident(heap, os, first) - HeapReleased) / HeapReleased, `minute ${minute}`).toBeLessThan(0.01);
    }
    expect(dirty, "new memory is zero").toBe(0);
    expect(checks).toBeGreaterThan(20);
    const background = heap.gcCycles().reduce((sum, { pages }) => sum + (pages?.releasedBg ?? 0), 0);
    expect([released > 0, background > 0]).toEqual([true, true]);
    expect(heap.verify().broken).toEqual([]);
  });
});
