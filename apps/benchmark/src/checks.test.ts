import { describe, expect, it } from "vitest";
import type { BenchCase, ImplementationId } from "./cases.ts";
import { metadataShare, runChecks, type Check } from "./checks.ts";
import { jsonResults } from "./report.ts";
import type { Series } from "./run.ts";

function series(benchCase: BenchCase, impl: ImplementationId, ...nsPerOp: number[]): Series {
  return { benchCase, impl, samples: nsPerOp.map((x) => ({ nsPerOp: x, ops: 100, bytesPerOp: 64 })) };
}

const fresh = (size: number, threads = 1): BenchCase => ({ case: "alloc-fresh", size, threads });
const ring: BenchCase = { case: "free-ring", size: 64, threads: 1, live: 10_000 };

function filled(insideSpans: number): Series {
  const metadata = { totalBytes: 1000, parts: { spanRecords: 10, insideSpans } };
  return { benchCase: { case: "metadata", size: 64, threads: 1 }, impl: "mallocgc", samples: [{ nsPerOp: 1, ops: 1, bytesPerOp: 1, metadata }] };
}

/** The verdicts in the order of the promises: fresh, thi.ng, threads, metadata, and then the collector's. */
function verdicts(...all: Series[]): Check["met"][] {
  return runChecks(all).map((check) => check.met);
}

describe("the checks", () => {
  it("call nothing met that was not measured", () => {
    expect(verdicts().filter((met) => met !== undefined)).toEqual([]);
    expect(verdicts(series(fresh(64), "mallocgc", 1), series(ring, "thi.ng", 100)).filter((met) => met !== undefined)).toEqual([]);
  });

  it("hold alloc-fresh to Go's time at every size", () => {
    const good = [series(fresh(64), "mallocgc", 10, 10), series(fresh(64), "go", 10, 11)];
    expect(verdicts(...good)[0]).toBe(true);
    expect(verdicts(...good, series(fresh(256), "mallocgc", 12), series(fresh(256), "go", 11))[0]).toBe(false);
  });

  it("want a tenth of the time of thi.ng", () => {
    expect(verdicts(series(ring, "mallocgc", 10), series(ring, "thi.ng", 100))[1]).toBe(true);
    expect(verdicts(series(ring, "mallocgc", 10), series(ring, "thi.ng", 99))[1]).toBe(false);
  });

  it("want 1.8 times the throughput with two threads", () => {
    expect(verdicts(series(fresh(64), "mallocgc", 18), series(fresh(64, 2), "mallocgc", 10))[2]).toBe(true);
    expect(verdicts(series(fresh(64), "mallocgc", 17), series(fresh(64, 2), "mallocgc", 10))[2]).toBe(false);
  });

  it("count every part of the metadata", () => {
    expect(metadataShare(filled(30))).toBe(0.04);
    expect(verdicts(filled(30))[3]).toBe(true);
    expect(verdicts(filled(31))[3]).toBe(false);
  });
});

describe("the JSON list", () => {
  it("has the median as nsPerOp, beside all samples", () => {
    expect(jsonResults([series(ring, "buffer", 3, 1, 2)])).toEqual([
      { ...ring, impl: "buffer", nsPerOp: 2, min: 1, max: 3, samples: [3, 1, 2], ops: [100, 100, 100], bytesPerOp: 64 },
    ]);
  });

  it("leaves out who failed before the first sample", () => {
    expect(jsonResults([series(ring, "thi.ng")])).toEqual([]);
  });
});
