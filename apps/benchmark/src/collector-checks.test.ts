import { describe, expect, it } from "vitest";
import type { ImplementationId } from "./cases.ts";
import { collectorChecks, latencies } from "./collector-checks.ts";
import type { Check } from "./checks.ts";
import type { Latency } from "./job.ts";
import type { FieldCase, LatencyCase, MarkCase, ObjectCase, SteadyCase, TreesCase } from "./object-cases.ts";
import { latencyTable, ratioTables } from "./report.ts";
import type { Series } from "./run.ts";

const tree: MarkCase = { case: "gc-mark", size: 32, live: 4_000_000, shape: "tree", markers: 1, threads: 1 };
const steady: SteadyCase = { case: "gc-alloc", size: 64, live: 1024, pointers: true, markers: 1, threads: 1 };
const trees: TreesCase = { case: "binary-trees", depth: 18, markers: 1, threads: 1 };
const latency: LatencyCase = { case: "mutator-latency", size: 64, live: 1024, markers: 1, threads: 1 };
const read: FieldCase = { case: "field-access", field: "u32", op: "read", way: "accessor", threads: 1 };

function series(benchCase: ObjectCase, impl: ImplementationId, ...nsPerOp: number[]): Series {
  return { benchCase, impl, samples: nsPerOp.map((x) => ({ nsPerOp: x, ops: 100, bytesPerOp: 64 })) };
}

function measured(impl: ImplementationId, ...each: Partial<Latency>[]): Series {
  const samples = each.map((some) => ({ nsPerOp: 1, ops: 1, bytesPerOp: 64, latency: { p50: 1, p99: 2, p9999: 3, max: 4, ...some } }));
  return { benchCase: latency, impl, samples };
}

/** The verdicts in the order of the promises: mark, steady, trees, stall, tail, accessor. */
function verdicts(...all: Series[]): Check["met"][] {
  return collectorChecks(all).map((check) => check.met);
}

describe("the collector's checks", () => {
  it("call nothing met that was measured on one side only", () => {
    expect(verdicts()).toEqual(Array.from({ length: 6 }, () => undefined));
    expect(verdicts(series(tree, "go", 1), series(read, "js", 1), series(trees, "mallocgc", 1), measured("go", {}))).toEqual(
      Array.from({ length: 6 }, () => undefined),
    );
  });

  it.each([
    [0, tree, "go", 6, 10],
    [1, steady, "go", 10, 10],
    [2, trees, "go", 12, 10],
    [5, read, "js", 20, 10],
  ] as const)("hold promise %i to its limit, and no further", (promise, c, peer, ours, theirs) => {
    expect(verdicts(series(c, "mallocgc", ours), series(c, peer, theirs))[promise]).toBe(true);
    expect(verdicts(series(c, "mallocgc", ours + 0.1), series(c, peer, theirs))[promise]).toBe(false);
  });

  it("break the promise about marking where one shape or number of markers breaks it", () => {
    const good = [series(tree, "mallocgc", 5), series(tree, "go", 10)];
    const two: MarkCase = { ...tree, markers: 2 };
    expect(verdicts(...good)[0]).toBe(true);
    expect(verdicts(...good, series(two, "mallocgc", 7), series(two, "go", 10))[0]).toBe(false);
  });

  it("ask nothing of writes and views", () => {
    for (const c of [{ ...read, op: "write" }, { ...read, way: "view" }] as const) {
      expect(verdicts(series(c, "mallocgc", 99), series(c, "js", 1))[5]).toBeUndefined();
    }
  });

  it("judge stalls by the worst sample, and by the collector's account instead of the longest operation", () => {
    expect(verdicts(measured("mallocgc", { stall: 1e6, max: 9e9 }))[3]).toBe(true);
    expect(verdicts(measured("mallocgc", { stall: 1e6 }, { stall: 1e6 + 1 }, { stall: 1 }))[3]).toBe(false);
    expect(verdicts(measured("mallocgc", { max: 1 }))[3]).toBeUndefined();
  });

  it("compare the tails of the distributions, each the median of its samples", () => {
    const go = measured("go", { p9999: 100 }, { p9999: 300 }, { p9999: 200 });
    expect(latencies([go], "go")[0]?.latency.p9999).toBe(200);
    expect(verdicts(go, measured("mallocgc", { p9999: 200 }))[4]).toBe(true);
    expect(verdicts(go, measured("mallocgc", { p9999: 201 }))[4]).toBe(false);
  });
});

describe("the tables", () => {
  it("have the parameters of their own family's cases alone, and its own peers", () => {
    const text = ratioTables([series(tree, "mallocgc", 5), series(tree, "go", 10), series(read, "mallocgc", 1), series(read, "js", 4)]);
    const [mark, field] = text.split("\n\n");
    expect(mark).toMatch(/^ case\s+size\s+live\s+shape\s+markers\s+threads\s+mallocgc ns\/op\s+go ns\/op\s+ratio/);
    expect(mark).toMatch(/0\.50x/);
    expect(field).toMatch(/^ case\s+field\s+op\s+way\s+threads\s+mallocgc ns\/op\s+js ns\/op\s+ratio/);
    expect(field).toMatch(/0\.25x/);
  });

  it("show how long operations took in a row for each implementation that was measured", () => {
    const text = latencyTable([measured("mallocgc", { stall: 5000 }), measured("go", { max: 20_000_000 })]);
    expect(text).toMatch(/mallocgc .* 5\.0 µs/);
    expect(text).toMatch(/go .* 20000 µs/);
    expect(latencyTable([series(tree, "go", 1)])).toBe("");
  });
});
