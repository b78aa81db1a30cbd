import { describe, expect, it } from "vitest";
import type { ImplementationId } from "./cases.ts";
import { compileAssemblyScript } from "./impl/assemblyscript-modules.ts";
import { parseGoAnswer } from "./impl/go.ts";
import type { BlockJob, ObjectJob } from "./job.ts";
import { CYCLES, type ObjectCase } from "./object-cases.ts";
import { runSample } from "./run.ts";

const MIB = 1024 * 1024;

const SMALL_OBJECT_CASES: readonly ObjectCase[] = [
  { case: "gc-mark", size: 32, live: 10_000, shape: "tree", markers: 1, threads: 1 },
  { case: "gc-mark", size: 32, live: 10_000, shape: "random", markers: 2, threads: 1 },
  { case: "gc-alloc", size: 64, live: 1000, pointers: true, markers: 1, threads: 1 },
  { case: "gc-alloc", size: 16, live: 1000, pointers: false, markers: 1, threads: 1 },
  { case: "binary-trees", depth: 6, markers: 1, threads: 1 },
  { case: "field-access", field: "ref", op: "write", way: "accessor", threads: 1 },
  { case: "field-access", field: "f64", op: "read", way: "view", threads: 1 },
  { case: "map-access", live: 1000, op: "get", threads: 1 },
];

function objectJob<C extends ObjectCase>(c: C, impl: ImplementationId): ObjectJob<C> {
  return { ...c, impl, heapBytes: 64 * MIB, targetMs: 2, seed: 1, ...(c.case === "gc-alloc" ? { ops: 5000 } : {}) };
}

/** What is known of the number of operations beforehand. */
function knownOps(c: ObjectCase): number | undefined {
  switch (c.case) {
    case "gc-mark":
      return c.live;
    case "gc-alloc":
      return 5000;
    case "binary-trees":
      // Stretch and kept tree, and 64 of depth 4 and 16 of depth 6.
      return 255 + 127 + 64 * 31 + 16 * 127;
    default:
      return undefined;
  }
}

const tiny: Omit<BlockJob, "case"> = { impl: "mallocgc", size: 64, threads: 1, heapBytes: 64 * MIB, targetMs: 2, seed: 1 };

describe("a child process", () => {
  it("allocates as many fresh blocks of ours as it was told to, and counts their bytes", async () => {
    const sample = await runSample({ ...tiny, case: "alloc-fresh", ops: 10_000 }, undefined);
    expect(sample.ops).toBe(10_000);
    expect(sample.bytesPerOp).toBe(64);
    expect(sample.nsPerOp).toBeGreaterThan(0);
    expect(sample.maxRssBytes).toBeGreaterThan(MIB);
  });

  it("measures two threads on one heap of ours, and counts the operations of both", async () => {
    const sample = await runSample({ ...tiny, case: "alloc-fresh", threads: 2, ops: 10_000 }, undefined);
    expect(sample.ops).toBe(20_000);
  });

  it.each(["free-ring", "free-random"] as const)("keeps the heap of ours from growing in %s, however many blocks it replaces", async (name) => {
    // 1000 live blocks of 1 KiB in a heap of 16 MiB, replaced many times over: without reuse it would run out.
    const sample = await runSample({ ...tiny, case: name, size: 1024, live: 1000, heapBytes: 16 * MIB, ops: 50_000 }, undefined);
    expect(sample.ops).toBe(50_000);
    expect(sample.bytesPerOp).toBe(1024);
  });

  it("fills a heap of ours and says where its bytes went", async () => {
    const sample = await runSample({ ...tiny, case: "metadata", heapBytes: 16 * MIB }, undefined);
    expect(sample.metadata?.totalBytes).toBeLessThanOrEqual(16 * MIB);
    expect(sample.ops * 64).toBeLessThan(sample.metadata!.totalBytes);
    expect(sample.ops * 64).toBeGreaterThan(0.8 * sample.metadata!.totalBytes);
  });

  it.each(["create-heap", "attach-heap"] as const)("times %s", async (name) => {
    const sample = await runSample({ ...tiny, case: name }, undefined);
    expect(sample.nsPerOp).toBeGreaterThan(0);
  });

  it.each(["thi.ng", "uint8array", "buffer"] as const)("measures %s", async (impl) => {
    const sample = await runSample({ ...tiny, impl, case: "free-random", live: 10 }, undefined);
    expect(sample.ops).toBeGreaterThan(0);
  });

  it("measures assemblyscript, compiled by its own compiler", async () => {
    await compileAssemblyScript();
    const sample = await runSample({ ...tiny, impl: "assemblyscript", case: "free-random", live: 10 }, undefined);
    expect(sample.ops).toBeGreaterThan(0);
  });

  it.each(SMALL_OBJECT_CASES.filter(({ case: name }) => name !== "gc-alloc"))("measures $case of objects of ours: $op $field $way $shape", async (c) => {
    const sample = await runSample(objectJob(c, "mallocgc"), undefined);
    expect(sample.ops).toBe(knownOps(c) ?? sample.ops);
    expect(sample.nsPerOp).toBeGreaterThan(0);
    // Of what is marked, the processor time is told too.
    expect(sample.cpuNsPerOp !== undefined).toBe(c.case === "gc-mark");
  });

  it.each([true, false])("keeps the heap of ours from growing in gc-alloc, however many objects it replaces; with pointers: %s", async (pointers) => {
    // Twice as many bytes as the heap has: without collections it would run out.
    const c = { case: "gc-alloc", size: 16, live: 10_000, pointers, markers: 1, threads: 1 } as const;
    const sample = await runSample({ ...objectJob(c, "mallocgc"), heapBytes: 32 * MIB, ops: 4 * MIB }, undefined);
    expect(sample.ops).toBe(4 * MIB);
    expect(sample.cycles).toBeGreaterThan(1);
  });

  it.each(SMALL_OBJECT_CASES)("measures $case of objects of plain JavaScript: $op $field $shape", async (c) => {
    const sample = await runSample(objectJob(c, "js"), undefined);
    expect(sample.ops).toBe(knownOps(c) ?? sample.ops);
    expect(sample.nsPerOp).toBeGreaterThan(0);
  });

  it.each(SMALL_OBJECT_CASES.filter(({ case: name }) => name !== "field-access" && name !== "map-access"))(
    "measures $case of AssemblyScript's collector: $shape",
    async (c) => {
      await compileAssemblyScript();
      const sample = await runSample(objectJob(c, "assemblyscript"), undefined);
      expect(sample.ops).toBe(knownOps(c) ?? sample.ops);
      expect(sample.nsPerOp).toBeGreaterThan(0);
    },
  );

  it.each(["js", "mallocgc"] as const)("shares the trees of binary-trees among two threads of %s, so that together they make those of one", async (impl) => {
    const trees = { case: "binary-trees", depth: 8, markers: 1, threads: 1 } as const;
    const [one, two] = [await runSample(objectJob(trees, impl), undefined), await runSample(objectJob({ ...trees, threads: 2 }, impl), undefined)];
    expect(two.ops).toBe(one.ops);
  });

  it("goes through as many collections as it should, or more, while it replaces objects of ours, and knows its longest stall", async () => {
    const sample = await runSample(objectJob({ case: "mutator-latency", size: 64, live: 1000, markers: 1, threads: 1 }, "mallocgc"), undefined);
    expect(sample.cycles).toBeGreaterThanOrEqual(CYCLES);
    expect(sample.latency!.stall).toBeGreaterThanOrEqual(0);
  });

  it("knows the least operation while a heap is collected to be no slower than the greatest", async () => {
    await compileAssemblyScript();
    const sample = await runSample(objectJob({ case: "mutator-latency", size: 64, live: 1000, markers: 1, threads: 1 }, "assemblyscript"), undefined);
    const { p50, p99, p9999, max } = sample.latency!;
    expect([p50, p99, p9999, max]).toEqual([p50, p99, p9999, max].toSorted((a, b) => a - b));
    expect(p50).toBeGreaterThan(0);
    expect(sample.cycles).toBe(CYCLES);
  });

  it("says whose program is missing, where an implementation has none for a case", async () => {
    const bytes = objectJob({ case: "binary-trees", depth: 4, markers: 1, threads: 1 }, "uint8array");
    await expect(runSample(bytes, undefined)).rejects.toThrow(/no program for this case/);
  });

  it("takes Go's throughput, and not the time of one thread, from what gobench says", () => {
    const answer = { case: "alloc-fresh", nsPerOp: 40, totalNsPerOp: 20, ops: 8, bytesPerOp: 64, allocsPerOp: 1, go: "go1.26.8" };
    expect(parseGoAnswer(JSON.stringify(answer))).toEqual({ nsPerOp: 20, ops: 8, bytesPerOp: 64 });
    expect(() => parseGoAnswer(JSON.stringify({ nsPerOp: 40 }))).toThrow(/not an answer of gobench/);
  });

  it("reports what a failing child said last", async () => {
    await expect(runSample({ ...tiny, impl: "thi.ng", case: "free-ring", live: 100, size: MIB }, undefined)).rejects.toThrow(/ran out of memory at block 6/);
  });
});
