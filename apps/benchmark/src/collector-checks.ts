/** What this project promises about its collector and its objects, looked up in the results. A report, not a gate, as all checks are. */
import { caseLabel, parametersOf, type BenchCase, type ImplementationId, type Parameter } from "./cases.ts";
import type { Check } from "./checks.ts";
import type { Latency } from "./job.ts";
import { find, ns, ratioTo, verdict } from "./lookup.ts";
import type { ObjectCase } from "./object-cases.ts";
import type { Series } from "./run.ts";
import { bestRatio, median } from "./statistics.ts";

const MARK_LIMIT = 0.6;
const STEADY_LIMIT = 1.0;
const TREES_LIMIT = 1.2;
const STALL_LIMIT_NS = 1e6;
const ACCESSOR_LIMIT = 2;

export function collectorChecks(all: readonly Series[]): Check[] {
  return [
    against(all, "go", {
      promise: `gc-mark, tree and random graph: at most ${MARK_LIMIT}x Go's ns per object`,
      limit: MARK_LIMIT,
      which: (c) => c.case === "gc-mark",
      name: ["shape", "markers"],
    }),
    against(all, "go", {
      promise: `gc-alloc: at most ${STEADY_LIMIT.toFixed(1)}x Go's ns/op at each size, with pointers and without`,
      limit: STEADY_LIMIT,
      which: (c) => c.case === "gc-alloc",
      name: ["size", "pointers"],
    }),
    against(all, "go", {
      promise: `binary-trees: at most ${TREES_LIMIT}x Go's time`,
      limit: TREES_LIMIT,
      which: (c) => c.case === "binary-trees",
      name: ["threads"],
    }),
    stalls(all),
    tail(all),
    against(all, "js", {
      promise: `field-access: an accessor reads a field in at most ${ACCESSOR_LIMIT}x the time of a plain JavaScript property`,
      limit: ACCESSOR_LIMIT,
      which: (c) => c.case === "field-access" && c.op === "read" && c.way === "accessor",
      name: ["field"],
    }),
  ];
}

interface Bound {
  readonly promise: string;
  readonly limit: number;
  readonly which: (c: BenchCase) => boolean;
  /** The parameters that tell the cases apart. */
  readonly name: readonly Parameter[];
}

/** Ours over a peer's time, in each of the cases. */
function against(all: readonly Series[], peer: ImplementationId, { promise, limit, which, name }: Bound): Check {
  const ratios = all.flatMap(({ benchCase: c, impl }) => {
    if (impl !== "mallocgc" || !which(c)) return [];
    const ratio = ratioTo(all, c, peer);
    return ratio === undefined ? [] : [{ c, ratio, best: bestRatio(ns(find(all, c, "mallocgc")!), ns(find(all, c, peer)!)) }];
  });
  const label = (c: BenchCase): string => {
    const own = parametersOf(c).filter(([parameter]) => name.includes(parameter));
    return own.map(([parameter, value]) => `${parameter}=${value}`).join(" ");
  };
  return {
    promise,
    met: verdict(ratios.map(({ ratio }) => ratio <= limit)),
    figures: ratios.map(({ c, ratio, best }) => `${label(c)}: ${ratio.toFixed(2)}x (best samples ${best.toFixed(2)}x)`),
  };
}

/** By the collector's own account: the longest operation may have been the operating system's doing. */
function stalls(all: readonly Series[]): Check {
  const measured = latencies(all, "mallocgc").flatMap(({ latency: { max, stall } }) => (stall === undefined ? [] : [{ max, stall }]));
  return {
    promise: "mutator-latency: the collector keeps no operation waiting for more than 1 ms",
    met: verdict(measured.map(({ stall }) => stall <= STALL_LIMIT_NS)),
    figures: measured.map(({ max, stall }) => `stall ${us(stall)} (longest operation ${us(max)})`),
  };
}

function tail(all: readonly Series[]): Check {
  const pairs = latencies(all, "mallocgc").flatMap(({ c, latency }) => {
    const go = latencies(all, "go").find((theirs) => caseLabel(theirs.c) === caseLabel(c));
    return go === undefined ? [] : [{ ours: latency.p9999, theirs: go.latency.p9999 }];
  });
  return {
    promise: "mutator-latency: p99.99 at most Go's",
    met: verdict(pairs.map(({ ours, theirs }) => ours <= theirs)),
    figures: pairs.map(({ ours, theirs }) => `${us(ours)} (Go ${us(theirs)})`),
  };
}

/** The latencies of one implementation, the median of the samples in each figure; of the stalls, the greatest. */
export function latencies(all: readonly Series[], impl: ImplementationId): { readonly c: ObjectCase; readonly latency: Latency }[] {
  return all.flatMap((series) => {
    const each = series.samples.flatMap(({ latency }) => latency ?? []);
    if (series.impl !== impl || each.length === 0 || series.benchCase.case !== "mutator-latency") return [];
    const middle = (figure: "p50" | "p99" | "p9999" | "max"): number => median(each.map((latency) => latency[figure]));
    const stalls = each.flatMap(({ stall }) => stall ?? []);
    return {
      c: series.benchCase,
      latency: {
        p50: middle("p50"),
        p99: middle("p99"),
        p9999: middle("p9999"),
        max: middle("max"),
        ...(stalls.length === 0 ? {} : { stall: Math.max(...stalls) }),
      },
    };
  });
}

/** A time in ns, in µs for the eye. */
export function us(x: number): string {
  return `${x < 10_000 ? (x / 1000).toPrecision(2) : Math.round(x / 1000)} µs`;
}
