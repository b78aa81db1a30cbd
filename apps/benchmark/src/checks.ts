/**
 * What this project promises about its speed and its overhead, looked up in the results. A report, not a gate: a benchmark
 * on a shared machine must not fail a build.
 */
import type { BenchCase, ImplementationId } from "./cases.ts";
import type { Series } from "./run.ts";
import { bestRatio, median, roundRatio } from "./statistics.ts";

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
  return [freshAgainstGo(all), freeAgainstThing(all), twoThreads(all), metadata(all)];
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
  const ours = all.filter((s) => s.impl === "mallocgc" && s.benchCase.live === 10_000 && s.benchCase.threads === 1);
  const factors = ours.flatMap(({ benchCase }) => {
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
  const two = all.filter((s) => s.impl === "mallocgc" && s.benchCase.threads === 2);
  const gains = two.flatMap((s) => {
    const one = find(all, { ...s.benchCase, threads: 1 }, "mallocgc");
    const gain = one === undefined ? Number.NaN : roundRatio(ns(one), ns(s));
    return one === undefined || Number.isNaN(gain) ? [] : [{ benchCase: s.benchCase, gain, best: bestRatio(ns(one), ns(s)) }];
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
    return share === undefined ? [] : [{ size: sizeText(s.benchCase), share }];
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

/** Ours over a peer's, where both were measured. */
export function ratioTo(all: readonly Series[], c: BenchCase, peer: ImplementationId): number | undefined {
  const ours = find(all, c, "mallocgc");
  const theirs = find(all, c, peer);
  if (ours === undefined || theirs === undefined) return undefined;
  const ratio = roundRatio(ns(ours), ns(theirs));
  return Number.isNaN(ratio) ? undefined : ratio;
}

export function find(all: readonly Series[], c: BenchCase, impl: ImplementationId): Series | undefined {
  return all.find(
    ({ benchCase: b, impl: i }) => i === impl && b.case === c.case && b.size === c.size && b.threads === c.threads && b.live === c.live,
  );
}

export function ns(series: Series): number[] {
  return series.samples.map((sample) => sample.nsPerOp);
}

export function medianNs(series: Series): number {
  return median(ns(series));
}

function sizeText(c: BenchCase): string {
  return c.size === "mixed" ? "mixed" : `${c.size} B`;
}

function verdict(each: readonly boolean[]): boolean | undefined {
  return each.length === 0 ? undefined : each.every(Boolean);
}
