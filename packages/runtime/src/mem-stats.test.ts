import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { array, createHeap, i32, ref, struct, type Heap, type Metric } from "./index.ts";
import { brokenIdentities, brokenSums, expectExact } from "./testing/figures.ts";

const MIB = 1 << 20;
const NodeType = struct("Node", { get next() { return ref(NodeType); }, value: i32 });

function byName(metrics: readonly Metric[]): (name: string) => number {
  return (name) => {
    const found = metrics.find((m) => m.name === name);
    if (found === undefined || found.kind === "float64-histogram") throw new Error(`no number ${name}`);
    return found.value;
  };
}

/** What MemStats and metrics say of the same thing. */
function disagreements(heap: Heap): unknown[] {
  const s = heap.readMemStats();
  const m = byName(heap.metrics());
  const tiny = m("/gc/heap/tiny/allocs:objects");
  const pairs: [string, number, number][] = [
    ["Alloc", s.Alloc, m("/memory/classes/heap/objects:bytes")],
    ["TotalAlloc", s.TotalAlloc, m("/gc/heap/allocs:bytes")],
    ["Sys", s.Sys, m("/memory/classes/total:bytes")],
    ["Mallocs", s.Mallocs, m("/gc/heap/allocs:objects") + tiny],
    ["Frees", s.Frees, m("/gc/heap/frees:objects") + tiny],
    ["HeapObjects", s.HeapObjects, m("/gc/heap/objects:objects")],
    ["HeapIdle", s.HeapIdle, m("/memory/classes/heap/free:bytes") + m("/memory/classes/heap/released:bytes")],
    ["HeapReleased", s.HeapReleased, m("/memory/classes/heap/released:bytes")],
    ["HeapInuse", s.HeapInuse, m("/memory/classes/heap/objects:bytes") + m("/memory/classes/heap/unused:bytes")],
    ["MSpanInuse", s.MSpanInuse, m("/memory/classes/metadata/mspan/inuse:bytes")],
    ["MSpanSys", s.MSpanSys, m("/memory/classes/metadata/mspan/inuse:bytes") + m("/memory/classes/metadata/mspan/free:bytes")],
    ["MCacheInuse", s.MCacheInuse, m("/memory/classes/metadata/mcache/inuse:bytes")],
    ["BuckHashSys", s.BuckHashSys, m("/memory/classes/profiling/buckets:bytes")],
    ["GCSys", s.GCSys, m("/memory/classes/metadata/other:bytes")],
    ["OtherSys", s.OtherSys, m("/memory/classes/other:bytes")],
  ];
  if (heap.isCollected) {
    pairs.push(["NumGC", s.NumGC, m("/gc/cycles/total:gc-cycles")], ["NumForcedGC", s.NumForcedGC, m("/gc/cycles/forced:gc-cycles")], ["NextGC", s.NextGC, m("/gc/heap/goal:bytes")]);
  }
  return pairs.filter(([, a, b]) => a !== b);
}

describe("MemStats and metrics", () => {
  test("say the same of a heap at rest, by hand, whatever was allocated and freed", () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 100_000 }));
    fc.assert(fc.property(fc.array(fc.record({ size, noscan: fc.boolean(), free: fc.nat() }), { maxLength: 80 }), (steps) => {
      const heap = createHeap({ gc: false, maxBytes: 32 * MIB, shared: false });
      const live: number[] = [];
      for (const { size, noscan, free } of steps) {
        live.push(heap.mallocgc(size, { noscan }));
        if (free % 3 === 0) heap.free(live.splice(free % live.length, 1)[0]!);
      }
      expect(disagreements(heap)).toEqual([]);
      expect(brokenSums(heap.metrics())).toEqual([]);
      expectExact(heap);
      heap.close();
    }), { numRuns: 60 });
  });

  test("say the same of a collected heap, and in numbers that the verifier counts", () => {
    const heap = createHeap({ maxBytes: 32 * MIB, gcWorkers: 0 });
    const Node = heap.type(NodeType);
    const Numbers = heap.type(array(i32));
    for (const kept of [0, 1, 100, 5000]) {
      heap.turn(() => {
        let first = 0;
        for (let i = 0; i < 5000; i++) {
          const node = heap.alloc(Node);
          if (i < kept) {
            Node.next.set(node, first);
            first = node;
          }
        }
        heap.roots.set("list", first === 0 ? null : first);
      });
      heap.turn(() => { heap.roots.set("large", heap.alloc(Numbers, 20_000)); });
      heap.gcSync();
      expect(disagreements(heap)).toEqual([]);
      expect(brokenSums(heap.metrics())).toEqual([]);
      expectExact(heap);
      expect(heap.readMemStats().HeapObjects).toBe(heap.verify().objects);
    }
    const { NumGC, NumForcedGC, LastGC, PauseNs, EnableGC, Lookups, DebugGC, StackSys, GCCPUFraction } = heap.readMemStats();
    expect([NumGC, NumForcedGC, EnableGC, Lookups, DebugGC, StackSys]).toEqual([4, 4, true, 0, false, 0]);
    expect(PauseNs.filter((ns) => ns > 0)).toHaveLength(4);
    expect(Math.abs(LastGC / 1e6 - Date.now())).toBeLessThan(60_000);
    expect(GCCPUFraction).toBeGreaterThan(0);
    heap.close();
  });

  test("of a by-hand heap have no cycles", () => {
    const heap = createHeap({ gc: false, maxBytes: MIB, shared: false });
    expect(heap.readMemStats()).toMatchObject({ EnableGC: false, NumGC: 0, LastGC: 0, NextGC: Infinity, PauseTotalNs: 0 });
    expect(heap.metrics().filter(({ name }) => !/^\/(gc\/heap|memory)\//.test(name))).toEqual([]);
    expect(brokenIdentities(heap.readMemStats())).toEqual([]);
  });
});

describe("metrics", () => {
  test("come in the order of their names, each with a unit that its name ends in, and buckets that rise", () => {
    const heap = createHeap({ maxBytes: 4 * MIB, gcWorkers: 0 });
    const metrics = heap.metrics();
    expect(metrics.map((m) => m.name)).toEqual(metrics.map((m) => m.name).sort());
    for (const m of metrics) {
      expect(m.name).toMatch(new RegExp(`^/[a-z/-]+:${m.unit}$`));
      if (m.kind !== "float64-histogram") continue;
      expect(m.buckets).toHaveLength(m.counts.length + 1);
      expect(m.buckets.every((bound, i) => i === 0 || bound > m.buckets[i - 1]!)).toBe(true);
    }
    heap.close();
  });

  test("by size put an object into the bucket of its slot, a large one into the last", () => {
    const heap = createHeap({ gc: false, maxBytes: 4 * MIB, shared: false });
    for (const size of [100, 112, 113, 32_768, 50_000]) heap.mallocgc(size);
    const of = (name: string): Metric => heap.metrics().find((m) => m.name === name)!;
    const bySize = of("/gc/heap/allocs-by-size:bytes");
    if (bySize.kind !== "float64-histogram") throw new Error("no histogram");
    const filled = bySize.counts.flatMap((count, i) => (count === 0 ? [] : [[bySize.buckets[i], bySize.buckets[i + 1], count]]));
    expect(filled).toEqual([[97, 113, 2], [113, 129, 1], [32_769, Infinity, 2]]);
  });

  test("show what was set: percent, limit, goal; Infinity is off", () => {
    const heap = createHeap({ maxBytes: 16 * MIB, gcWorkers: 0 });
    const read = (): number[] => ["/gc/gogc:percent", "/gc/gomemlimit:bytes", "/gc/heap/goal:bytes"].map(byName(heap.metrics()));
    expect(read()).toEqual([100, Infinity, 4 * MIB]);
    heap.debug.setGCPercent(-1);
    expect(read()).toEqual([Infinity, Infinity, Infinity]);
    heap.debug.setMemoryLimit(8 * MIB);
    expect([read()[1], read()[2]! < 8 * MIB]).toEqual([8 * MIB, true]);
    heap.close();
  });

  test("count finalizers and cleanups that are due, and that ran", async () => {
    const heap = createHeap({ maxBytes: 16 * MIB, gcWorkers: 0 });
    const Node = heap.type(NodeType);
    let ran = 0;
    heap.turn(() => {
      heap.setFinalizer(heap.alloc(Node), () => ran++);
      heap.addCleanup(heap.alloc(Node), () => ran++, 1);
    });
    for (let i = 0; i < 3; i++) await heap.gc();
    const m = byName(heap.metrics());
    const names = ["finalizers/queued:finalizers", "finalizers/executed:finalizers", "cleanups/queued:cleanups", "cleanups/executed:cleanups"];
    expect([ran, ...names.map((name) => m(`/gc/${name}`))]).toEqual([2, 1, 1, 1, 1]);
    heap.close();
  });
});
