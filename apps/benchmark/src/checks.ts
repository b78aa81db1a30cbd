/**
 * What this project promises about its speed and its overhead, looked up in the results. A report, not a gate: a benchmark
 * on a shared machine must not fail a build.
 */
import { isObjectCase, type BenchCase, type BlockCase } from "./cases.ts";
import { collectorChecks } from "./collector-checks.ts";
import { find, ns, ratioTo, verdict } from "./lookup.ts";
import type { Series } from "./run.ts";
import { bestRatio, roundRatio } from "./statistics.ts";

/** One promise. `met` is undefined where the run did not measure what it takes to tell. */
export interface Check {
  readonly promise: string;
  readonly met: boolean | undefined;
  /** The figures, one line each. */
  readonly figures: readonly string[];
}

const FRESH_SIZES: readonly number[] = [16, 64, 256, 1024, 8192];
const FRESH_LIMIT = 1.0;
const THING_FACTOR = 10;
const THREADS_FACTOR = 1.8;
const METADATA_LIMIT = 0.04;

export function runChecks(all: readonly Series[]): Check[] {
  return [freshAgainstGo(all), freeAgainstThing(all), twoThreads(all), metadata(all), ...collectorChecks(all)];
}

function freshAgainstGo(all: readonly Series[]): Check {
  const promise = `alloc-fresh, 16 B to 8 KiB, one thread: at most ${FRESH_LIMIT.toFixed(1)}x Go's ns/op at each size`;
  const ratios = FRESH_SIZES.flatMap((size) => {
    const c: BenchCase = { case: "alloc-fresh", size, threads: 1 };
    const ratio = ratioTo(all, c, "go");
    if (ratio === undefined) return [];
    return [{ size, ratio, best: bestRatio(ns(find(all, c, "mallocgc")!), ns(find(all, c, "go")!)) }];
  });
  return {
    promise,
    met: verdict(ratios.map(({ ratio }) => ratio <= FRESH_LIMIT)),
    figures: ratios.map(({ size, ratio, best }) => `${size} B: ${ratio.toFixed(2)}x (best samples ${best.toFixed(2)}x)`),
  };
}

function freeAgainstThing(all: readonly Series[]): Check {
  const factors = all.flatMap(({ benchCase, impl }) => {
    if (impl !== "mallocgc" || isObjectCase(benchCase) || benchCase.live !== 10_000 || benchCase.threads !== 1) return [];
    const ratio = ratioTo(all, benchCase, "thi.ng");
    return ratio === undefined ? [] : [{ benchCase, factor: 1 / ratio }];
  });
  return {
    promise: `allocate/free with 10,000 live: at least ${THING_FACTOR}x as fast as @thi.ng/malloc`,
    met: verdict(factors.map(({ factor }) => factor >= THING_FACTOR)),
    figures: factors.map(({ benchCase, factor }) => `${benchCase.case} ${sizeText(benchCase)}: ${Math.round(factor)}x`),
  };
}

function twoThreads(all: readonly Series[]): Check {
  const gains = all.flatMap((s) => {
    const { benchCase } = s;
    if (s.impl !== "mallocgc" || isObjectCase(benchCase) || benchCase.threads !== 2) return [];
    const one = find(all, { ...benchCase, threads: 1 }, "mallocgc");
    const gain = one === undefined ? Number.NaN : roundRatio(ns(one), ns(s));
    return one === undefined || Number.isNaN(gain) ? [] : [{ benchCase, gain, best: bestRatio(ns(one), ns(s)) }];
  });
  return {
    promise: `two threads: at least ${THREADS_FACTOR}x the throughput of one (this needs two idle cores)`,
    met: verdict(gains.map(({ gain }) => gain >= THREADS_FACTOR)),
    figures: gains.map(({ benchCase, gain, best }) => `${benchCase.case} ${sizeText(benchCase)}: ${gain.toFixed(2)}x (best samples ${best.toFixed(2)}x)`),
  };
}

function metadata(all: readonly Series[]): Check {
  const filled = all.flatMap((s) => {
    const share = metadataShare(s);
    return share === undefined || isObjectCase(s.benchCase) ? [] : [{ size: sizeText(s.benchCase), share }];
  });
  return {
    promise: `metadata: at most ${(METADATA_LIMIT * 100).toFixed(0)} % of a full heap, bits and tails inside spans included`,
    met: verdict(filled.map(({ share }) => share <= METADATA_LIMIT)),
    figures: filled.map(({ size, share }) => `${size}: ${(share * 100).toFixed(2)} %`),
  };
}

/** What part of a filled heap is not blocks; undefined for other cases. */
export function metadataShare(series: Series): number | undefined {
  const filled = series.samples.at(-1)?.metadata;
  if (filled === undefined) return undefined;
  return Object.values(filled.parts).reduce((sum, bytes) => sum + bytes, 0) / filled.totalBytes;
}

function sizeText(c: BlockCase): string {
  return c.size === "mixed" ? "mixed" : `${c.size} B`;
}
