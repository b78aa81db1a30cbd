import { describe, expect, it } from "vitest";
import { allCases, caseLabel, isObjectCase, type BenchCase, type ImplementationId } from "./cases.ts";
import { benchmarkName, makePlan, type PlanInput } from "./plan.ts";

const GIB = 1024 ** 3;

function planOf(input: Partial<PlanInput>): ReturnType<typeof makePlan> {
  return makePlan({ cases: allCases(false), samples: 5, filter: undefined, distribution: [[100, 1]], missing: new Map(), ...input });
}

function implementations(plan: ReturnType<typeof makePlan>): Set<ImplementationId> {
  return new Set(plan.cases.flatMap(({ jobs }) => jobs.map((job) => job.impl)));
}

describe("the plan", () => {
  it("keeps every child below 3 GiB, and says why each case is left out that would not be", () => {
    const plan = planOf({});
    for (const { jobs } of plan.cases) for (const job of jobs) expect(job.heapBytes).toBeLessThan(2 * GIB);
    const planned = new Set(plan.cases.map(({ benchCase }) => benchCase));
    const left = allCases(false).filter((c) => ![...planned].some((p) => benchmarkName(p, "mallocgc") === benchmarkName(c, "mallocgc")));
    expect(left.length).toBeGreaterThan(0);
    for (const c of left) {
      expect(isObjectCase(c) ? 0 : (c.live ?? 0) * (c.size as number)).toBeGreaterThan(GIB);
      expect(plan.skipped.some(({ what, why }) => benchmarkName(c, "mallocgc").includes(what) && /MiB of live blocks/.test(why))).toBe(true);
    }
  });

  it("gives each implementation of alloc-fresh the same number of operations, and two threads half each", () => {
    const cases: BenchCase[] = [1, 2].map((threads) => ({ case: "alloc-fresh", size: 8192, threads }));
    const [one, two] = planOf({ cases }).cases;
    expect(new Set(one!.jobs.map((job) => job.ops))).toEqual(new Set([GIB / 8192]));
    expect(new Set(two!.jobs.map((job) => job.ops))).toEqual(new Set([GIB / 8192 / 2]));
  });

  it("does not run with two threads what cannot be shared, and says so once", () => {
    const plan = planOf({});
    for (const { benchCase, jobs } of plan.cases) {
      if (benchCase.threads > 1) expect(jobs.map((job) => job.impl)).not.toContain("thi.ng");
    }
    expect(plan.skipped.filter(({ what }) => what.startsWith("impl=thi.ng"))).toHaveLength(1);
  });

  it("leaves out an implementation that the machine lacks, with the reason", () => {
    const plan = planOf({ missing: new Map([["go", "Go is not installed"]]) });
    expect(implementations(plan)).not.toContain("go");
    expect(plan.skipped).toContainEqual({ what: "impl=go", why: "Go is not installed" });
  });

  it("leaves out mixed sizes while there is no record of them", () => {
    const plan = planOf({ distribution: undefined });
    expect(plan.cases.some(({ benchCase }) => "size" in benchCase && benchCase.size === "mixed")).toBe(false);
    expect(plan.skipped.some(({ what }) => what.includes("size=mixed"))).toBe(true);
  });

  it("matches the filter against the names that are printed", () => {
    const plan = planOf({ filter: /alloc-fresh\/size=64\/threads=1\/impl=(mallocgc|go)$/u });
    expect(plan.cases.map(({ benchCase }) => benchCase)).toEqual([{ case: "alloc-fresh", size: 64, threads: 1 }]);
    expect(implementations(plan)).toEqual(new Set(["mallocgc", "go"]));
    expect(plan.skipped).toEqual([]);
  });

  it("gives every case a name of its own, so that a result can be looked up by it", () => {
    const labels = allCases(false).map(caseLabel);
    expect(new Set(labels).size).toBe(labels.length);
    expect(labels).toContain("case=gc-mark/size=32/live=4000000/shape=random/markers=2/threads=1");
  });

  it("lets gc-alloc take several times what is live, whatever the size", () => {
    for (const { benchCase, jobs } of planOf({}).cases) {
      if (benchCase.case !== "gc-alloc") continue;
      for (const job of jobs) expect(job.ops! * benchCase.size).toBe(8 * benchCase.live * benchCase.size);
    }
  });

  it("measures ours in every case, so that no promise goes unexamined", () => {
    for (const { benchCase, jobs } of planOf({}).cases) expect(jobs.map((job) => job.impl), caseLabel(benchCase)).toContain("mallocgc");
  });

  it("asks nobody for objects that he does not have", () => {
    const steady = planOf({}).cases.filter(({ benchCase }) => benchCase.case === "gc-alloc");
    expect(steady).toHaveLength(8);
    for (const { benchCase, jobs } of steady) {
      const who = jobs.map((job) => job.impl);
      if (benchCase.case !== "gc-alloc") continue;
      expect(who.includes("uint8array")).toBe(!benchCase.pointers && benchCase.size >= 64);
      expect(who.includes("js")).toBe(benchCase.size <= 64);
    }
  });
});
