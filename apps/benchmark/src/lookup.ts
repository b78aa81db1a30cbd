/** Finding figures in the results: a series by its case and implementation, its times, and one implementation's ratio to another. */
import { caseLabel, type BenchCase, type ImplementationId } from "./cases.ts";
import type { Series } from "./run.ts";
import { median, roundRatio } from "./statistics.ts";

export function find(all: readonly Series[], c: BenchCase, impl: ImplementationId): Series | undefined {
  const label = caseLabel(c);
  return all.find((series) => series.impl === impl && caseLabel(series.benchCase) === label);
}

export function ns(series: Series): number[] {
  return series.samples.map((sample) => sample.nsPerOp);
}

export function medianNs(series: Series): number {
  return median(ns(series));
}

/** Ours over a peer's, where both were measured. */
export function ratioTo(all: readonly Series[], c: BenchCase, peer: ImplementationId): number | undefined {
  const ours = find(all, c, "mallocgc");
  const theirs = find(all, c, peer);
  if (ours === undefined || theirs === undefined) return undefined;
  const ratio = roundRatio(ns(ours), ns(theirs));
  return Number.isNaN(ratio) ? undefined : ratio;
}

/** Whether all of several conditions hold; undefined of none, as nothing was measured then. */
export function verdict(each: readonly boolean[]): boolean | undefined {
  return each.length === 0 ? undefined : each.every(Boolean);
}
