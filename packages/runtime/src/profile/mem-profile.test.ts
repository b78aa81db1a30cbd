/** The heap profile of a heap as a program has it: what is counted under which stack. */
import { CLASS_TO_SIZE, sizeToClass } from "@mallocgc/sizeclass";
import { Mulberry32 } from "@mallocgc/go-oracle";
import { afterEach, describe, expect, test, vi } from "vitest";
import { array, createHeap, f64, ref, struct, u32, type Heap, type HeapOptions, type HeapProfile } from "../index.ts";

const KIB = 1024;
const MIB = 1 << 20;
const open: Heap[] = [];

afterEach(() => {
  vi.restoreAllMocks();
  for (const heap of open.splice(0)) heap.close();
});

function makeHeap(options: HeapOptions): Heap {
  const heap = createHeap({ maxBytes: 64 * MIB, gcWorkers: 0, ...options });
  open.push(heap);
  return heap;
}

/** Has `Math.random` follow a seed. */
function seed(n: number): void {
  const random = new Mulberry32(n);
  vi.spyOn(Math, "random").mockImplementation(() => random.next() / 2 ** 32);
}

interface Sums {
  objects: number;
  bytes: number;
  allocObjects: number;
  allocBytes: number;
}

/** What the profile says is in use, and was allocated, under stacks with a function of that name; of objects of `size` bytes, or of all. */
function under(profile: HeapProfile, functionName: string, size?: number): Sums {
  const sums = { objects: 0, bytes: 0, allocObjects: 0, allocBytes: 0 };
  for (const { stack, allocObjects, allocBytes, freeObjects, freeBytes } of profile.records) {
    if (!stack.some((frame) => frame.functionName.endsWith(functionName)) || (size !== undefined && allocBytes !== size * allocObjects)) continue;
    sums.objects += allocObjects - freeObjects;
    sums.bytes += allocBytes - freeBytes;
    sums.allocObjects += allocObjects;
    sums.allocBytes += allocBytes;
  }
  return sums;
}

/** Bytes in use, by all stacks. */
function inUse({ records }: HeapProfile): number {
  return records.reduce((n, { allocBytes, freeBytes }) => n + allocBytes - freeBytes, 0);
}

const slotBytes = (size: number): number => CLASS_TO_SIZE[sizeToClass(size)]!;

describe("at rate 1", () => {
  test("a by-hand heap's profile is exact per call site at every moment: shared slots, tiny blocks, headers, whole pages", () => {
    const heap = makeHeap({ gc: false, memProfileRate: 1 });
    const site = {
      small: (n: number, size: number) => Array.from({ length: n }, () => heap.mallocgc(size)),
      tiny: (n: number) => Array.from({ length: n }, () => heap.mallocgc(4)),
      header: (n: number) => Array.from({ length: n }, () => heap.mallocgc(300, { noscan: false })),
      large: (n: number, size: number) => Array.from({ length: n }, () => heap.mallocgc(size)),
    };
    const sites = new Map<string, { name: keyof typeof site; size: number; bytes: number; perBlock: number }>();
    for (const size of [16, 64, 100, 1000, 8192, 32760]) sites.set(`small ${size}`, { name: "small", size, bytes: slotBytes(size), perBlock: 1 });
    sites.set("tiny", { name: "tiny", size: 4, bytes: 16, perBlock: 4 });
    sites.set("header", { name: "header", size: 300, bytes: slotBytes(308), perBlock: 1 });
    for (const pages of [5, 13]) sites.set(`large ${pages}`, { name: "large", size: pages * 8192 - 100, bytes: pages * 8192, perBlock: 1 });
    const random = new Mulberry32(5);
    const live = new Map<string, number[]>([...sites.keys()].map((name) => [name, []]));
    const blocks = new Map<string, number>();
    for (let round = 0; round < 4; round++) {
      for (const [key, { name, size, perBlock }] of sites) {
        const n = (5 + random.below(30)) * perBlock;
        blocks.set(key, (blocks.get(key) ?? 0) + n / perBlock);
        const mine = live.get(key)!;
        mine.push(...site[name](n, size));
        // Tiny blocks whole, and not the last, which may still be open.
        const gone = mine.splice(0, random.below(Math.floor(mine.length / perBlock)) * perBlock);
        for (const addr of gone) heap.free(addr);
      }
      const profile = heap.debug.memProfile();
      for (const [key, { name, bytes, perBlock }] of sites) {
        const objects = live.get(key)!.length / perBlock;
        expect(under(profile, name, bytes), key).toEqual({
          objects, bytes: objects * bytes, allocObjects: blocks.get(key), allocBytes: blocks.get(key)! * bytes,
        });
      }
      expect(inUse(profile)).toBe(heap.readMemStats().HeapAlloc);
      expect(profile.rate).toBe(1);
    }
    expect(heap.verify().broken).toEqual([]);
    for (const addr of [...live.values()].flat()) heap.free(addr);
    heap.flush();
    expect(inUse(heap.debug.memProfile())).toBe(0);
    expect(heap.readMemStats().HeapInuse, "no span is kept for its samples").toBe(0);
    expect(heap.verify().broken).toEqual([]);
  });

  test("a collected heap's profile after a cycle is exact per call site: what that cycle kept, and nothing else", () => {
    const heap = makeHeap({ memProfileRate: 1, gcPercent: -1 });
    const NodeType = struct("Node", {
      get next() {
        return ref(NodeType);
      },
      tag: u32,
    });
    const WideType = struct("Wide", { next: ref(NodeType), pad: struct("Pad", Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x${i}`, f64]))) });
    const ManyType = array(ref(NodeType));
    const BytesType = array(u32);
    const Node = heap.type(NodeType);
    const Wide = heap.type(WideType);
    const Many = heap.type(ManyType);
    const Bytes = heap.type(BytesType);
    const sites = {
      keptNode: () => heap.alloc(Node),
      lostNode: () => heap.alloc(Node),
      keptWide: () => heap.alloc(Wide),
      lostWide: () => heap.alloc(Wide),
      keptLarge: () => heap.alloc(Many, 20_000),
      lostLarge: () => heap.alloc(Many, 20_000),
      keptBytes: () => heap.alloc(Bytes, 30),
      lostBytes: () => heap.alloc(Bytes, 30),
    };
    const names = Object.keys(sites) as (keyof typeof sites)[];
    heap.turn(() => heap.roots.set("kept", heap.alloc(Many, 1000)));
    let at = 0;
    for (let cycle = 1; cycle <= 3; cycle++) {
      heap.turn(() => {
        const kept = heap.roots.get("kept");
        for (let i = 0; i < 20; i++) {
          for (const name of names) {
            const addr = sites[name]();
            if (name.startsWith("kept")) Many.at.set(kept, at++, addr as never);
          }
        }
      });
      heap.gcSync();
      const profile = heap.debug.memProfile();
      for (const name of names) {
        const one = { Node: slotBytes(8), Wide: slotBytes(8 + 168), Large: 81_920, Bytes: slotBytes(128) }[name.slice(4) as "Node"];
        const n = name.startsWith("kept") ? 20 * cycle : 0;
        expect(under(profile, name), name).toEqual({ objects: n, bytes: n * one, allocObjects: 20 * cycle, allocBytes: 20 * cycle * one });
      }
      expect(inUse(profile)).toBe(heap.readMemStats().HeapAlloc);
      expect(heap.verify().broken).toEqual([]);
    }
  });

  test("what is allocated after a cycle shows after the next, and garbage is never shown as freed before it was shown as allocated", () => {
    const heap = makeHeap({ memProfileRate: 1, gcPercent: -1 });
    const Node = heap.type(struct("Node", { tag: u32 }));
    const site = { early: () => heap.alloc(Node), late: () => heap.alloc(Node) };
    heap.turn(() => void site.early());
    expect(under(heap.debug.memProfile(), "early"), "before the first cycle: as of now").toMatchObject({ objects: 1, allocObjects: 1 });
    heap.gcSync();
    heap.turn(() => void site.late());
    expect(under(heap.debug.memProfile(), "early")).toMatchObject({ objects: 0, allocObjects: 1 });
    expect(under(heap.debug.memProfile(), "late")).toMatchObject({ objects: 0, allocObjects: 0 });
    heap.gcSync();
    expect(under(heap.debug.memProfile(), "late")).toMatchObject({ objects: 0, allocObjects: 1 });
  });

  test("an object with a finalizer is in use until it is really gone", async () => {
    const heap = makeHeap({ memProfileRate: 1, gcPercent: -1 });
    const Node = heap.type(struct("Node", { tag: u32 }));
    const site = { finalized: () => heap.alloc(Node) };
    let called = 0;
    heap.turn(() => heap.setFinalizer(site.finalized(), () => called++));
    heap.gcSync();
    expect(under(heap.debug.memProfile(), "finalized")).toMatchObject({ objects: 1 });
    heap.safepoint();
    await heap.gc();
    expect(called).toBe(1);
    heap.gcSync();
    expect(under(heap.debug.memProfile(), "finalized")).toMatchObject({ objects: 0, allocObjects: 1 });
    expect(heap.verify().broken).toEqual([]);
  });
});

describe("at the default rate", () => {
  /** Of `n` objects allocated, how many would be sampled on average, and the variance of that. */
  function expected(n: number, size: number, rate: number): { mean: number; variance: number } {
    const p = 1 - Math.exp(-size / rate);
    return { mean: n * p, variance: n * p * (1 - p) };
  }

  test("50 runs of a known workload: the estimates are right on average, and as far off as chance has it (seeds 1 to 50)", () => {
    const workload = [
      { name: "small", size: 64, n: 262_144 },
      { name: "middle", size: 1024, n: 16_384 },
      { name: "large", size: 102_400, n: 164 },
    ] as const;
    const estimates = new Map<string, number[]>(workload.map(({ name }) => [name, []]));
    const within = new Map<string, number>(workload.map(({ name }) => [name, 0]));
    const runs = 50;
    for (let run = 1; run <= runs; run++) {
      seed(run);
      const heap = makeHeap({ gc: false, maxBytes: 8 * MIB });
      const { rate } = heap.debug.memProfile();
      expect(rate).toBe(512 * KIB);
      const site = {
        small: (n: number) => { for (let i = 0; i < n; i++) heap.free(heap.mallocgc(64)); },
        middle: (n: number) => { for (let i = 0; i < n; i++) heap.free(heap.mallocgc(1024)); },
        large: (n: number) => { for (let i = 0; i < n; i++) heap.free(heap.mallocgc(102_400)); },
      };
      for (const { name, n } of workload) site[name](n);
      const profile = heap.debug.memProfile();
      for (const { name, size, n } of workload) {
        const { allocObjects, objects } = under(profile, name);
        const bytes = Math.ceil(size > 32_760 ? size / 8192 : 0) * 8192 || size;
        const { mean, variance } = expected(n, bytes, rate);
        estimates.get(name)!.push(allocObjects / mean);
        if (Math.abs(allocObjects - mean) <= 1.96 * Math.sqrt(variance)) within.set(name, within.get(name)! + 1);
        expect(objects, "all were freed").toBe(0);
      }
      vi.restoreAllMocks();
      open.pop()!.close();
    }
    for (const { name } of workload) {
      const mean = estimates.get(name)!.reduce((a, b) => a + b) / runs;
      expect(Math.abs(mean - 1), `${name}: the mean of the estimates is ${mean} of the truth`).toBeLessThan(0.05);
      // Of 50 intervals of 95 %, 41 or fewer hold the truth with probability 0.0018 (binomial).
      expect(within.get(name), `${name}: intervals that hold the truth`).toBeGreaterThan(41);
    }
  });

  test("in use and freed are estimated alike in a collected heap", () => {
    seed(11);
    const heap = makeHeap({ memProfileRate: 4 * KIB, maxBytes: 64 * MIB });
    const Node = heap.type(struct("Node64", Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`x${i}`, f64]))));
    const Many = heap.type(array(ref(struct("Node64", Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`x${i}`, f64]))))));
    const site = { kept: () => heap.alloc(Node), lost: () => heap.alloc(Node) };
    const n = 60_000;
    heap.turn(() => heap.roots.set("kept", heap.alloc(Many, n)));
    for (let i = 0; i < n; ) {
      heap.turn(() => {
        const kept = heap.roots.get("kept");
        for (let end = i + 1000; i < end; i++) {
          Many.at.set(kept, i, site.kept());
          site.lost();
          site.lost();
        }
      });
    }
    heap.gcSync();
    const profile = heap.debug.memProfile();
    const p = 1 - Math.exp(-64 / (4 * KIB));
    const within = (got: number, truth: number): void => expect(Math.abs(got - truth * p), `${got} of ${truth * p}`).toBeLessThan(4 * Math.sqrt(truth * p * (1 - p)));
    within(under(profile, "kept").objects, n);
    within(under(profile, "kept").allocObjects, n);
    within(under(profile, "lost").allocObjects, 2 * n);
    expect(under(profile, "lost").objects).toBe(0);
    expect(heap.verify().broken).toEqual([]);
  });
});

describe("the rate", () => {
  test("changes while the heap is running: 0 stops, 1 takes every object from the next window on", () => {
    const heap = makeHeap({ gc: false, memProfileRate: 0 });
    const site = { some: (n: number) => { for (let i = 0; i < n; i++) heap.mallocgc(64); } };
    site.some(100);
    expect(heap.debug.memProfile().records).toEqual([]);
    expect(heap.debug.setMemProfileRate(1)).toBe(0);
    site.some(126);
    const { allocObjects } = under(heap.debug.memProfile(), "some");
    expect(allocObjects).toBeGreaterThan(126 - 32);
    expect(heap.debug.setMemProfileRate(0)).toBe(1);
    heap.flush();
    site.some(200);
    expect(under(heap.debug.memProfile(), "some").allocObjects).toBe(allocObjects);
  });
});

describe("the bound of the tables", () => {
  test("beyond it all is counted under one stack that says so, exactly", () => {
    const heap = makeHeap({ gc: false, memProfileRate: 1, memProfileBytes: 4096, maxBytes: 4 * MIB });
    const nested = (depth: number, size: number): number => (depth === 0 ? heap.mallocgc(size) : nested(depth - 1, size));
    const addrs: number[] = [];
    for (let depth = 0; depth < 60; depth++) for (const size of [16, 64, 40_000]) addrs.push(nested(depth, size));
    const profile = heap.debug.memProfile();
    const full = profile.records.filter(({ stack }) => stack[0]!.functionName === "(profile table full)");
    expect(full).toHaveLength(1);
    expect(full[0]!.allocObjects).toBeGreaterThan(100);
    expect(full[0]!.thread).toBeUndefined();
    expect(profile.records.length).toBeGreaterThan(2);
    expect(inUse(profile)).toBe(heap.readMemStats().HeapAlloc);
    expect(heap.verify().broken).toEqual([]);
    for (const addr of addrs) heap.free(addr);
    expect(inUse(heap.debug.memProfile())).toBe(0);
  });

  test("a full region loses samples, counts them, and stays whole", () => {
    const heap = makeHeap({ gc: false, memProfileRate: 1, maxBytes: MIB });
    const addrs: number[] = [];
    try {
      for (;;) addrs.push(heap.mallocgc(16));
    } catch (error) {
      expect(error).toMatchObject({ code: "ERR_HEAP_EXHAUSTED" });
    }
    expect(inUse(heap.debug.memProfile())).toBeLessThanOrEqual(heap.readMemStats().HeapAlloc);
    expect(heap.verify().broken).toEqual([]);
    for (const addr of addrs) heap.free(addr);
    expect(inUse(heap.debug.memProfile())).toBe(0);
    expect(heap.verify().broken).toEqual([]);
  });
});

describe("stacks", () => {
  test("begin at the program's own function and lines, name the thread, and end at a depth of 128", () => {
    const heap = makeHeap({ gc: false, memProfileRate: 1 });
    function deep(n: number): number {
      return n === 0 ? heap.mallocgc(64) : deep(n - 1);
    }
    deep(300);
    const [record] = heap.debug.memProfile().records;
    expect(record!.stack).toHaveLength(128);
    expect(record!.stack.every((frame) => frame.functionName === "deep" && frame.fileName.endsWith("/mem-profile.test.ts"))).toBe(true);
    expect(record!.stack[0]!.line).toBeGreaterThan(0);
    expect(record!.thread).toBe("main");
  });

  test("are mapped to the source by the caller's source maps", () => {
    const heap = makeHeap({ gc: false, memProfileRate: 1 });
    const site = { mapped: () => heap.mallocgc(64) };
    site.mapped();
    const plain = heap.debug.memProfile().records[0]!.stack[0]!;
    const asked: string[] = [];
    const { stack } = heap.debug.memProfile({
      sourceMaps: (fileName) => {
        asked.push(fileName);
        if (!fileName.endsWith("mem-profile.test.ts")) return undefined;
        return { findEntry: (line, column) => ({ originalSource: "/src/original.ts", originalLine: line + 100, originalColumn: column }) };
      },
    }).records[0]!;
    expect(stack[0]).toEqual({ ...plain, fileName: "/src/original.ts", line: plain.line + 100 });
    expect(asked.length).toBeGreaterThan(0);
  });
});
