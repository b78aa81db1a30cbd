import { describe, expect, it } from "vitest";
import { compileAssemblyScript } from "./impl/assemblyscript.ts";
import { parseGoAnswer } from "./impl/go.ts";
import type { Job } from "./job.ts";
import { runSample } from "./run.ts";

const MIB = 1024 * 1024;

const tiny: Omit<Job, "case"> = { impl: "mallocgc", size: 64, threads: 1, heapBytes: 64 * MIB, targetMs: 2, seed: 1 };

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

  it("takes Go's throughput, and not the time of one thread, from what gobench says", () => {
    const answer = { case: "alloc-fresh", nsPerOp: 40, totalNsPerOp: 20, ops: 8, bytesPerOp: 64, allocsPerOp: 1, go: "go1.26.8" };
    expect(parseGoAnswer(JSON.stringify(answer))).toEqual({ nsPerOp: 20, ops: 8, bytesPerOp: 64 });
    expect(() => parseGoAnswer(JSON.stringify({ nsPerOp: 40 }))).toThrow(/not an answer of gobench/);
  });

  it("reports what a failing child said last", async () => {
    await expect(runSample({ ...tiny, impl: "thi.ng", case: "free-ring", live: 100, size: MIB }, undefined)).rejects.toThrow(/ran out of memory at block 6/);
  });
});
