/**
 * Figures as Go's runtime/metrics has them, and one look at all of them for each time that somebody collects.
 *
 *     name     "/gc/heap/allocs:bytes": path and unit
 *     kind     "uint64", "float64", or "float64-histogram"
 *
 * A collector asks for its metrics one by one, but in one go. So a look is kept until the job that it was taken in is over: what is exported together comes from
 * one and the same look, and its sums hold.
 */
import { MetricsError } from "./errors.ts";

/** One figure. */
export type Metric = ScalarMetric | HistogramMetric;

interface MetricBase {
  /** Path and unit, as "/gc/heap/allocs:bytes". */
  readonly name: string;
  /** What follows the colon of the name. */
  readonly unit: string;
  readonly description: string;
  /** Whether it only grows. */
  readonly cumulative: boolean;
}

/** A number. */
export interface ScalarMetric extends MetricBase {
  readonly kind: "uint64" | "float64";
  readonly value: number;
}

/** A distribution. */
export interface HistogramMetric extends MetricBase {
  readonly kind: "float64-histogram";
  /** Bounds of the buckets in the metric's unit: bucket i holds values from `buckets[i]` up to, not with, `buckets[i + 1]`. */
  readonly buckets: readonly number[];
  /** Values in each bucket; one fewer than there are bounds. */
  readonly counts: readonly number[];
}

/** Where figures come from: `() => heap.metrics()`. All of one answer should be of one moment. */
export type MetricSource = () => readonly Metric[];

/** How figures are exported. */
export interface ExportOptions {
  /** Told when the source throws: once, until it works again. What is collected meanwhile has no values. Default: a warning on the console. */
  readonly onError?: (error: unknown) => void;
}

/** Metrics whose exact sum another metric has, in the same unit or in seconds. */
const SUM_OF: Readonly<Record<string, string>> = {
  "/gc/heap/allocs-by-size:bytes": "/gc/heap/allocs:bytes",
  "/gc/heap/frees-by-size:bytes": "/gc/heap/frees:bytes",
  "/gc/pauses:seconds": "/cpu/classes/gc/pause:cpu-seconds",
  "/sched/pauses/total/gc:seconds": "/cpu/classes/gc/pause:cpu-seconds",
};

/** Path and unit of a metric, or undefined when the name is none. */
const NAME = /^\/[a-z0-9/-]+:[a-z0-9*/-]+$/;

/** All figures at one look. */
export class Look {
  private readonly metrics: ReadonlyMap<string, Metric>;

  constructor(metrics: readonly Metric[]) {
    this.metrics = new Map(metrics.map((m) => [m.name, m]));
  }

  metric(name: string): Metric | undefined {
    return this.metrics.get(name);
  }

  /** A number; undefined when there is none of that name. */
  value(name: string): number | undefined {
    const m = this.metrics.get(name);
    return m === undefined || m.kind === "float64-histogram" ? undefined : m.value;
  }

  /** The exact sum of all values of a histogram; undefined when nobody knows it. */
  sumOf(histogram: string): number | undefined {
    const sum = SUM_OF[histogram];
    return sum === undefined ? undefined : this.value(sum);
  }
}

/** A source, looked at once for each collection. */
export class Looker {
  /** The figures that there were at first: names, kinds and descriptions stay. */
  readonly first: readonly Metric[];
  private readonly source: MetricSource;
  private readonly onError: (error: unknown) => void;
  private current: Look | undefined;
  private failing = false;

  /** @throws MetricsError `ERR_METRICS_SOURCE` when `source` is no function, throws, or gives what are no metrics. */
  constructor(source: MetricSource, { onError = warn }: ExportOptions) {
    if (typeof (source as unknown) !== "function") throw new MetricsError("ERR_METRICS_SOURCE", `metrics come from a function, as () => heap.metrics(), not from ${show(source)}`);
    this.source = source;
    this.onError = onError;
    try {
      this.first = source();
    } catch (cause) {
      throw new MetricsError("ERR_METRICS_SOURCE", "the source of metrics threw; register it while it works", { cause });
    }
    const wrong: unknown = Array.isArray(this.first) ? this.first.find((m) => !isMetric(m)) : this.first;
    if (wrong !== undefined) throw new MetricsError("ERR_METRICS_SOURCE", `the source gives ${show(wrong)}, which is no metric: name, unit, kind and value are needed, as heap.metrics() has them`);
  }

  /** The look of this collection. */
  look(): Look {
    if (this.current === undefined) {
      this.current = new Look(this.read());
      queueMicrotask(() => { this.current = undefined; });
    }
    return this.current;
  }

  private read(): readonly Metric[] {
    try {
      const metrics = this.source();
      this.failing = false;
      return metrics;
    } catch (error) {
      if (!this.failing) this.onError(error);
      this.failing = true;
      return [];
    }
  }
}

function isMetric(value: unknown): boolean {
  const m = value as Partial<Record<keyof HistogramMetric | "value", unknown>> | null;
  if (typeof m !== "object" || m === null || typeof m.name !== "string" || !NAME.test(m.name)) return false;
  if (m.kind === "float64-histogram") return Array.isArray(m.buckets) && Array.isArray(m.counts) && m.buckets.length === m.counts.length + 1;
  return (m.kind === "uint64" || m.kind === "float64") && typeof m.value === "number";
}

/** What was given instead of what is wanted, for a message. */
export function show(value: unknown): string {
  if (typeof value !== "object" || value === null) return typeof value === "string" ? JSON.stringify(value) : String(value);
  const { name } = value as { readonly name?: unknown };
  return typeof name === "string" ? `{ name: ${JSON.stringify(name)} }` : `an object (${Object.prototype.toString.call(value)})`;
}

function warn(error: unknown): void {
  console.warn("mallocgc: metrics cannot be read, and are left out", error);
}
