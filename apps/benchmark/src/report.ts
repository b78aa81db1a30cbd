/** What is printed and written when all samples are in: the table of ratios, the metadata, the checks, and the JSON list. */
import Table from "cli-table3";
import { caseLabel, FAMILIES, IMPLEMENTATIONS, isObjectCase, PARAMETERS, parametersOf, type BenchCase, type ImplementationId } from "./cases.ts";
import { metadataShare, type Check } from "./checks.ts";
import { latencies, us } from "./collector-checks.ts";
import type { MetadataParts } from "./impl/implementation.ts";
import type { Latency } from "./job.ts";
import { find, medianNs, ns, ratioTo } from "./lookup.ts";
import type { Skipped } from "./plan.ts";
import type { Series } from "./run.ts";

/** An element of the list that `--json` writes: the case's parameters, and the figures. */
export type JsonResult = BenchCase & {
  readonly impl: ImplementationId;
  /** Median of the samples. */
  readonly nsPerOp: number;
  readonly min: number;
  readonly max: number;
  readonly samples: readonly number[];
  /** Operations timed in each sample. */
  readonly ops: readonly number[];
  readonly bytesPerOp: number;
  /** The part of each sample's time in which the measured thread had a processor, where somebody looked. */
  readonly onProcessor?: readonly number[];
  readonly maxRssBytes?: number;
  readonly metadata?: MetadataParts;
  /** Processor time of the collector per operation, of each sample. */
  readonly cpuNsPerOp?: readonly number[];
  /** Collections in each sample. */
  readonly cycles?: readonly number[];
  readonly latency?: Latency;
};

export function jsonResults(all: readonly Series[]): JsonResult[] {
  return all.flatMap((series) => {
    const { benchCase, impl, samples } = series;
    const last = samples.at(-1);
    if (last === undefined) return [];
    const times = ns(series);
    const present = (figure: "onProcessor" | "maxRssBytes" | "cpuNsPerOp" | "cycles"): number[] => samples.flatMap((s) => s[figure] ?? []);
    const [onProcessor, rss, cpuNsPerOp, cycles] = [present("onProcessor"), present("maxRssBytes"), present("cpuNsPerOp"), present("cycles")];
    const latency = latencies([series], impl).at(0)?.latency;
    return {
      ...benchCase,
      impl,
      nsPerOp: medianNs(series),
      min: Math.min(...times),
      max: Math.max(...times),
      samples: times,
      ops: samples.map((s) => s.ops),
      bytesPerOp: last.bytesPerOp,
      ...(onProcessor.length === 0 ? {} : { onProcessor }),
      ...(rss.length === 0 ? {} : { maxRssBytes: Math.max(...rss) }),
      ...(last.metadata === undefined ? {} : { metadata: last.metadata }),
      ...(cpuNsPerOp.length === 0 ? {} : { cpuNsPerOp }),
      ...(cycles.length === 0 ? {} : { cycles }),
      ...(latency === undefined ? {} : { latency }),
    };
  });
}

/** A table for each family of cases. */
export function ratioTables(all: readonly Series[]): string {
  const tables = Object.values(Object.groupBy(all, ({ benchCase }) => FAMILIES[benchCase.case])).map((family) => ratioTable(family!));
  if (tables.length === 0) return "";
  return `${tables.join("\n\n")}\nratio = mallocgc / peer, median over the rounds; below 1 mallocgc is the faster one. (min-max) is over the samples.`;
}

/** One row per case: its parameters, our median with its range, each peer's median, and ours over the peer's. */
function ratioTable(all: readonly Series[]): string {
  const cases = distinctCases(all);
  const peers = IMPLEMENTATIONS.filter((impl) => impl !== "mallocgc" && all.some((s) => s.impl === impl && s.samples.length > 0));
  const parameters = PARAMETERS.filter((name) => cases.some((c) => parametersOf(c).some(([own]) => own === name)));
  const table = new Table({
    head: ["case", ...parameters, "mallocgc ns/op", ...peers.flatMap((peer) => [`${peer} ns/op`, "ratio"])],
    colAligns: ["left", ...parameters.map(() => "right" as const), "right", ...peers.flatMap(() => ["right", "right"] as const)],
    style: { head: [], border: [], compact: true },
    chars: COLUMNS_ONLY,
  });
  for (const c of cases) {
    const ours = find(all, c, "mallocgc");
    const values = new Map(parametersOf(c));
    table.push([
      c.case,
      ...parameters.map((name) => values.get(name) ?? ""),
      ours === undefined ? "-" : withRange(ours),
      ...peers.flatMap((peer) => {
        const theirs = find(all, c, peer);
        if (theirs === undefined || theirs.samples.length === 0) return ["-", "-"];
        const ratio = ratioTo(all, c, peer);
        return [short(medianNs(theirs)), ratio === undefined ? "-" : `${short(ratio)}x`];
      }),
    ]);
  }
  return table.toString();
}

/** How long an operation takes while the heap is collected; one row for each implementation. */
export function latencyTable(all: readonly Series[]): string {
  const rows = IMPLEMENTATIONS.flatMap((impl) => latencies(all, impl).map(({ latency }) => ({ impl, ...latency })));
  if (rows.length === 0) return "";
  const table = new Table({
    head: ["an operation while the heap is collected", "p50", "p99", "p99.99", "max", "stall"],
    colAligns: ["left", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
    chars: COLUMNS_ONLY,
  });
  for (const { impl, p50, p99, p9999, max, stall } of rows) {
    table.push([impl, us(p50), us(p99), us(p9999), us(max), stall === undefined ? "-" : us(stall)]);
  }
  return `${table.toString()}\nmax: whatever its cause, other programs on the machine included. stall: by the collector's own account.`;
}

/** Where the bytes of a full heap went, part by part. */
export function metadataTable(all: readonly Series[]): string {
  const lines: string[] = [];
  for (const series of all) {
    const filled = series.samples.at(-1)?.metadata;
    const share = metadataShare(series);
    if (filled === undefined || share === undefined || isObjectCase(series.benchCase)) continue;
    const percent = (bytes: number): string => `${((bytes / filled.totalBytes) * 100).toFixed(2)} %`;
    const parts = Object.entries(filled.parts).map(([name, bytes]) => `${name} ${percent(bytes)}`);
    lines.push(
      `a full heap of ${series.benchCase.size === "mixed" ? "mixed sizes" : `${series.benchCase.size} B blocks`}: ` +
        `${filled.totalBytes} bytes, ${(share * 100).toFixed(2)} % of them metadata (${parts.join(", ")})`,
    );
  }
  return lines.join("\n");
}

export function checksText(checks: readonly Check[]): string {
  return checks
    .map(({ promise, met, figures }) => {
      const verdict = met === undefined ? "not measured" : met ? "met" : "NOT met";
      return [`[${verdict}] ${promise}`, ...(figures.length === 0 ? [] : [`    ${figures.join(", ")}`])].join("\n");
    })
    .join("\n");
}

const DISTURBED_BELOW = 0.9;

/** A warning when the machine was busy with something else meanwhile; empty when it was not. */
export function disturbance(all: readonly Series[]): string {
  const shares = all.flatMap(({ samples }) => samples.flatMap(({ onProcessor }) => onProcessor ?? []));
  const disturbed = shares.filter((share) => share < DISTURBED_BELOW).length;
  if (disturbed === 0) return "";
  return (
    `note: in ${disturbed} of ${shares.length} samples the measured thread had a processor for less than ${DISTURBED_BELOW * 100} % of the time ` +
    "(other programs ran, or it waited for a lock or for memory); where that is many, repeat on an idle machine"
  );
}

/** What was left out, and what failed. Empty when nothing was. */
export function omissions(skipped: readonly Skipped[], all: readonly Series[]): string[] {
  const failed = all.flatMap(({ benchCase, impl, failure }) =>
    failure === undefined ? [] : [`failed: ${impl} in ${caseLabel(benchCase)}: ${failure}`],
  );
  return [...skipped.map(({ what, why }) => `skipped: ${what}: ${why}`), ...failed];
}

function distinctCases(all: readonly Series[]): BenchCase[] {
  return [...new Set(all.map((series) => series.benchCase))];
}

function withRange(series: Series): string {
  if (series.samples.length === 0) return "-";
  const times = ns(series);
  return `${short(medianNs(series))} (${short(Math.min(...times))}-${short(Math.max(...times))})`;
}

/** Three significant digits where there are fewer than three before the point. */
function short(x: number): string {
  if (x >= 100) return x.toFixed(0);
  if (x >= 10) return x.toFixed(1);
  if (x >= 1) return x.toFixed(2);
  return x < 0.001 ? x.toExponential(1) : x.toPrecision(2);
}

const COLUMNS_ONLY: Readonly<Record<string, string>> = {
  top: "", "top-mid": "", "top-left": "", "top-right": "",
  bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "",
  left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: " ",
};
