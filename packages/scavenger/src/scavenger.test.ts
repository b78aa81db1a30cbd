import { PAGE_SIZE, createRegion, openOsPages } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { NO_GOAL } from "./goals.ts";
import { SCAVENGE_QUANTUM } from "./pacing.ts";
import { Scavenger } from "./scavenger.ts";
import { TestScavenger } from "./testing/test-scavenger.ts";

const MIB = 1 << 20;
/** Pages of a MiB. */
const M = MIB / PAGE_SIZE;

describe("in the background", () => {
  test("gives back what is above the goal, highest first, in quanta, and then waits to be woken", () => {
    const t = TestScavenger.create();
    t.os.nsPerPage = 1000;
    const spans = t.allocMany(100, M);
    for (const s of spans.slice(40)) t.heap.free(s);
    t.endCycle();
    expect(t.scavenger.gcPercentGoal).toBe(44 * MIB);
    const before = t.released();
    t.drain();
    expect(t.heapRetained(), "the goal, to a quantum").toBeLessThanOrEqual(44 * MIB);
    expect(t.heapRetained()).toBeGreaterThan(44 * MIB - SCAVENGE_QUANTUM);
    const bytes = t.os.calls.reduce((sum, [, n]) => sum + n, 0);
    expect(t.released() - before).toBe(bytes);
    expect(Math.max(...t.os.calls.map(([, n]) => n))).toBe(SCAVENGE_QUANTUM);
    expect(t.os.calls.map(([at]) => at)).toEqual(t.os.calls.map(([at]) => at).sort((a, b) => b - a));
    expect(t.problems()).toEqual([]);
    const trace = t.scavenger.takeTrace(t.inUse(), t.released());
    expect([trace.releasedBg, trace.releasedEager]).toEqual([bytes, 0]);
    expect(t.scavenger.takeTrace(t.inUse(), t.released()).releasedBg, "each line counts anew").toBe(0);
    expect([t.scavenger.dueIn, t.scavenger.step()]).toEqual([Infinity, Infinity]);
    t.scavenger.ready();
    expect(t.scavenger.step(), "woken, and still nothing to do").toBe(Infinity);
    expect(t.scavenger.takeTrace(0, 0).releasedBg).toBe(0);
  });

  test("takes a hundredth of one CPU, and all of its time is counted", () => {
    const t = TestScavenger.create();
    t.os.nsPerPage = 8000;
    const spans = t.allocMany(200, M);
    for (const s of spans.slice(20)) t.heap.free(s);
    t.endCycle();
    const start = t.clock;
    expect(t.drain()).toBeGreaterThan(20);
    const share = t.scavenger.backgroundTime / (t.clock - start);
    expect(share).toBeGreaterThan(0.005);
    expect(share).toBeLessThan(0.015);
    expect(t.scavenger.backgroundTime).toBe((t.os.calls.reduce((sum, [, n]) => sum + n, 0) / 4096) * 8000);
  });

  test("does nothing before it is due, unless it is woken", () => {
    const t = TestScavenger.create();
    t.os.nsPerPage = 100_000;
    for (const s of t.allocMany(20, M)) t.heap.free(s);
    t.endCycle();
    const sleep = t.scavenger.step();
    const calls = t.os.calls.length;
    expect(calls).toBeGreaterThan(0);
    expect(t.scavenger.dueIn).toBe(sleep);
    t.clock += sleep - 10;
    expect([t.scavenger.dueIn, t.scavenger.step()]).toEqual([10, 10]);
    expect(t.os.calls.length).toBe(calls);
    t.scavenger.ready();
    expect(t.scavenger.dueIn).toBe(0);
    expect(t.scavenger.step()).not.toBe(10);
    expect(t.os.calls.length).toBeGreaterThan(calls);
    const again = t.os.calls.length;
    t.clock += 1e12;
    t.scavenger.step();
    expect(t.os.calls.length).toBeGreaterThan(again);
  });

  test("another thread goes on where one stopped: all of it is in the region", () => {
    const t = TestScavenger.create();
    t.os.nsPerPage = 100_000;
    for (const s of t.allocMany(20, M)) t.heap.free(s);
    t.endCycle();
    const sleep = t.scavenger.step();
    const other = new TestScavenger(t.region, t.config, 1);
    other.clock = t.clock;
    expect(other.scavenger.step()).toBe(sleep);
    other.clock += sleep;
    other.scavenger.step();
    expect(other.os.calls.length).toBeGreaterThan(0);
    expect(other.problems()).toEqual([]);
  });

  test("leaves a dense chunk alone, and what is freed in this generation for the next; freeOSMemory takes both", () => {
    const t = TestScavenger.create();
    const spans = t.allocMany(1024, 1);
    t.heap.flush();
    t.scavenger.marked(t.inUse());
    t.heap.free(spans.find((s) => t.heap.spans.base(s) === 5 * MIB)!);
    t.endCycle();
    t.scavenger.pace(0, 1);
    expect(t.scavenger.gcPercentGoal).toBe(0);
    t.drain();
    expect(t.os.calls, "its chunk is dense").toEqual([]);
    expect(t.scavenger.scavengeAll()).toBe(PAGE_SIZE);
    expect(t.os.calls).toEqual([[5 * MIB, PAGE_SIZE]]);
    expect(t.problems()).toEqual([]);
  });

  test("works for the memory limit too, and stops a twentieth below it", () => {
    const t = TestScavenger.create();
    t.limit = 50 * MIB;
    const spans = t.allocMany(48, M);
    for (const s of spans.slice(30)) t.heap.free(s);
    t.heap.flush();
    t.scavenger.marked(t.inUse());
    t.scavenger.pace(10, 1);
    expect([t.scavenger.gcPercentGoal, t.scavenger.memoryLimitGoal]).toEqual([NO_GOAL, 47.5 * MIB]);
    t.scavenger.ready();
    t.drain();
    expect(t.mappedReady()).toBeLessThanOrEqual(47.5 * MIB);
    expect(t.mappedReady()).toBeGreaterThan(47.5 * MIB - SCAVENGE_QUANTUM);
  });

  test("has no goal before the first cycle, and after one that is within it", () => {
    const t = TestScavenger.create();
    expect([t.scavenger.gcPercentGoal, t.scavenger.memoryLimitGoal]).toEqual([NO_GOAL, NO_GOAL]);
    for (const s of t.allocMany(20, M)) t.heap.free(s);
    t.heap.flush();
    t.scavenger.ready();
    expect(t.drain()).toBe(0);
    t.allocMany(20, M);
    t.endCycle();
    expect(t.scavenger.gcPercentGoal).toBe(NO_GOAL);
    expect(t.drain()).toBe(0);
    expect(t.os.calls).toEqual([]);
  });
});

describe("an allocating thread", () => {
  /** 20 MiB in use, 20 MiB free in pieces of half a MiB, and a goal of 22 MiB by growth. */
  function inPieces(): TestScavenger {
    const t = TestScavenger.create();
    const spans = t.allocMany(80, M / 2);
    for (const [i, s] of spans.entries()) if (i % 2 === 0) t.heap.free(s);
    t.endCycle();
    expect(t.scavenger.gcPercentGoal).toBe(22 * MIB);
    return t;
  }

  test("that makes the heap grow gives back as much, from the pieces that were too small", () => {
    const t = inPieces();
    const before = t.heap.figures(t.caches);
    t.os.nsPerPage = 5;
    t.alloc(8 * M);
    const growth = (t.heap.figures(t.caches).mapped - before.mapped) * PAGE_SIZE;
    expect(growth).toBeGreaterThan(0);
    const given = t.os.calls.reduce((sum, [, n]) => sum + n, 0);
    expect(given).toBe(growth);
    expect(t.released(), "all of the growth and of what was given back, but for the 8 MiB").toBe(before.released * PAGE_SIZE + growth + given - 8 * MIB);
    expect(t.assistTime).toBe((given / 4096) * 5);
    const trace = t.scavenger.takeTrace(t.inUse(), t.released());
    expect([trace.releasedBg, trace.releasedEager]).toEqual([0, given]);
    expect(t.problems()).toEqual([]);
  });

  test("that finds room gives nothing back", () => {
    const t = inPieces();
    t.alloc(M / 2);
    expect(t.os.calls).toEqual([]);
  });

  test("keeps the memory limit: before its pages are used, free ones go, dense or new, wherever they are", () => {
    const t = TestScavenger.create();
    const spans = t.allocMany(40, M);
    for (const s of spans.slice(0, 10)) t.heap.free(s);
    t.heap.flush();
    t.limit = 41 * MIB;
    t.alloc(11 * M);
    expect(t.mappedReady()).toBeLessThanOrEqual(41 * MIB);
    expect(t.os.calls.reduce((sum, [, n]) => sum + n, 0)).toBe(10 * MIB);
    expect(t.problems()).toEqual([]);
  });

  test("that stays within the limit gives nothing back: what it takes is counted once", () => {
    for (const [limit, released] of [[51, 0], [50, 1]] as const) {
      const t = TestScavenger.create();
      const spans = t.allocMany(40, M);
      for (const s of spans.slice(0, 10)) t.heap.free(s);
      t.heap.flush();
      t.limit = limit * MIB;
      t.alloc(11 * M);
      expect(t.os.calls.reduce((sum, [, n]) => sum + n, 0)).toBe(released * MIB);
    }
  });

  test("lets the limit go while the CPU limiter limits, and stops when it begins to", () => {
    const t = TestScavenger.create();
    const spans = t.allocMany(40, M);
    for (const [i, s] of spans.entries()) if (i % 2 === 0) t.heap.free(s);
    t.heap.flush();
    t.limit = 30 * MIB;
    t.limits = true;
    t.alloc(2 * M);
    expect(t.os.calls).toEqual([]);
    t.limits = false;
    const release = t.os.release.bind(t.os);
    t.os.release = (at, n) => {
      t.limits = true;
      return release(at, n);
    };
    t.alloc(2 * M);
    expect(t.os.calls.length, "one run").toBe(1);
  });
});

describe("freeOSMemory", () => {
  test("gives back everything that is free; memory that comes back is zero", () => {
    const t = TestScavenger.create();
    const spans = t.allocMany(64, M);
    for (const [i, s] of spans.entries()) if (i % 3 !== 0) t.heap.free(s);
    t.heap.flush();
    const free = t.heapRetained() - t.inUse();
    expect(t.scavenger.scavengeAll()).toBe(free);
    expect(t.heapRetained()).toBe(t.inUse());
    expect(t.scavenger.scavengeAll()).toBe(0);
    expect(t.problems()).toEqual([]);
    const s = t.heap.alloc(2 * M, 1);
    const base = t.heap.spans.base(s);
    expect(t.region.u8.subarray(base, base + 2 * MIB).every((byte) => byte === 0)).toBe(true);
    expect(t.scavenger.takeTrace(1, 2, free)).toMatchObject({ releasedBg: 0, releasedEager: free, forced: true });
  });

  test("finds the same as a walk over all chunks, in a random run with every way to give back", () => {
    const t = TestScavenger.create({}, { maxBytes: 48 * MIB, chunkPages: 64 });
    let state = 12345;
    const random = (below: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return (state >>> 8) % below;
    };
    const live: number[] = [];
    for (let step = 0; step < 4000; step++) {
      const what = random(100);
      if (what < 48) {
        const s = t.heap.alloc([1, 1, 2, 3, 10, 16, 40, 130][random(8)]!, 1);
        if (s !== 0) live.push(s);
      } else if (what < 92 && live.length > 0) {
        t.heap.free(live.splice(random(live.length), 1)[0]! as never);
      } else if (what < 94) t.endCycle();
      else if (what < 97) t.clock += t.scavenger.step() % 1e12 || 0;
      else if (what === 98) t.heap.flush();
      else if (what === 99 && random(5) === 0) t.scavenger.scavengeAll();
      if (step % 200 === 0) expect(t.problems(), `step ${step}`).toEqual([]);
    }
    expect(t.os.calls.length).toBeGreaterThan(20);
    t.heap.flush();
    t.scavenger.scavengeAll();
    expect(t.heap.scavengeAll(t.os), "a walk finds nothing more").toBe(0);
    expect(t.heapRetained()).toBe(t.inUse());
    expect(t.problems()).toEqual([]);
  });
});

describe("the operating system", () => {
  test("that refuses is counted, changes no figure, and is not asked again and again", () => {
    const t = TestScavenger.create();
    const spans = t.allocMany(40, M);
    for (const s of spans.slice(10)) t.heap.free(s);
    t.endCycle();
    t.os.refuse = true;
    const before = t.heap.figures(t.caches);
    expect(t.scavenger.step()).toBe(Infinity);
    expect(t.scavenger.scavengeAll()).toBe(0);
    expect(t.heap.figures(t.caches)).toEqual(before);
    expect(t.scavenger.failures).toBe(2);
    expect(t.refusals, "said once").toBe(1);
    expect(t.problems()).toEqual([]);
    t.os.refuse = false;
    const released = t.scavenger.scavengeAll();
    const left = before.free * PAGE_SIZE - released;
    expect(left, "the two chunks that were refused are left alone").toBeGreaterThan(4 * MIB);
    expect(left).toBeLessThanOrEqual(8 * MIB);
    const s = t.heap.alloc(left / PAGE_SIZE, 1);
    t.heap.free(s);
    t.heap.flush();
    expect(t.scavenger.scavengeAll(), "until something in them is freed").toBe(left);
    expect(t.scavenger.failures).toBe(2);
  });

  test("is not looked for by a thread that has nothing to give back", () => {
    const t = TestScavenger.create();
    Object.defineProperty(t.os, "pageSize", { get: () => { throw new Error("looked for"); } });
    t.limit = 64 * MIB;
    for (const s of t.allocMany(10, M)) t.heap.free(s);
    t.heap.flush();
    t.scavenger.marked(t.inUse() + 20 * MIB);
    t.scavenger.pace(1, 1);
    expect([t.scavenger.gcPercentGoal, t.scavenger.memoryLimitGoal, t.scavenger.step(), t.scavenger.dueIn]).toEqual([NO_GOAL, NO_GOAL, Infinity, Infinity]);
  });

  test("that takes nothing back is never asked, and nothing is claimed", () => {
    const t = TestScavenger.create();
    t.os.pageSize = 0;
    for (const s of t.allocMany(40, M)) t.heap.free(s);
    t.endCycle();
    t.limit = MIB;
    t.alloc(50 * M);
    expect([t.scavenger.step(), t.scavenger.scavengeAll(), t.os.calls.length, t.scavenger.failures, t.assistTime]).toEqual([Infinity, 0, 0, 0, 0]);
  });

  test("with pages of 64 KiB takes whole ones only", () => {
    const t = TestScavenger.create();
    t.os.pageSize = 65536;
    const spans = t.allocMany(40, 5);
    for (const [i, s] of spans.entries()) if (i % 4 !== 0) t.heap.free(s);
    t.heap.flush();
    expect(t.scavenger.scavengeAll()).toBeGreaterThan(0);
    expect(t.os.calls.every(([at, n]) => at % 65536 === 0 && n % 65536 === 0)).toBe(true);
    expect(t.problems()).toEqual([]);
  });

  test("with huge pages is given them whole when it is asked to", () => {
    for (const hugePages of [0, 256]) {
      const t = TestScavenger.create({ hugePages });
      for (const s of t.allocMany(20, M)) t.heap.free(s);
      t.endCycle();
      t.drain();
      const largest = Math.max(...t.os.calls.map(([, n]) => n));
      expect([largest === SCAVENGE_QUANTUM, largest >= 2 * MIB]).toEqual([hugePages === 0, hugePages === 256]);
      expect(t.problems()).toEqual([]);
    }
    for (const hugePages of [3, -1, 1024, 0.5]) {
      expect(() => TestScavenger.create({ hugePages })).toThrow(expect.objectContaining({ code: "ERR_SCAVENGE_OPTION" }));
    }
  });

  test.runIf(process.platform === "linux")("the real one: HeapReleased is what it says is not resident", () => {
    const region = createRegion(128 * MIB, true);
    const os = openOsPages(region);
    if (os.pageSize === 0) return;
    const t = new TestScavenger(region, { maxBytes: 128 * MIB, chunkPages: 512 });
    t.heap.init();
    t.scavenger.init();
    t.os.release = (at, n) => os.release(at, n);
    t.os.pageSize = os.pageSize;
    const spans = t.allocMany(96, M);
    for (const [i, s] of spans.entries()) if (i % 4 !== 0) t.heap.free(s);
    t.heap.flush();
    const start = t.heap.firstPage * PAGE_SIZE;
    const end = t.heap.frontier.heapEnd * PAGE_SIZE;
    expect(os.resident(start, end - start)).toBeGreaterThan(90 * MIB);
    t.scavenger.scavengeAll();
    const gone = end - start - os.resident(start, end - start);
    expect(t.released()).toBeGreaterThan(70 * MIB);
    expect(Math.abs(t.released() - gone) / gone).toBeLessThan(0.01);
    expect(os.failures).toBe(0);
  });
});

test("its tables are 8 bytes per chunk and a record", () => {
  expect(Scavenger.tables({ maxBytes: 1 << 30, chunkPages: 512 }).map(({ name, bytes }) => [name, bytes])).toEqual([["scavenger", 192], ["scavenger.chunks", 2048]]);
});
