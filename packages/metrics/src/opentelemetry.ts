/**
 * For OpenTelemetry: figures as observable counters and gauges of a meter, read when its reader collects, all of them by one callback.
 *
 *     /gc/heap/allocs:bytes     mallocgc.gc.heap.allocs.bytes, unit By, a counter: it only grows
 *     /gc/heap/goal:bytes       mallocgc.gc.heap.goal.bytes, a gauge
 *     /gc/pauses:seconds        mallocgc.gc.pauses.seconds.count, and .sum where it is known: the API has no histogram that is counted already
 *
 * A figure that is not finite (a limit that is off) is left out: OTLP's readers do not expect one.
 */
import type { BatchObservableResult, Meter, Observable, ObservableCounter, ObservableGauge } from "@opentelemetry/api";
import { MetricsError } from "./errors.ts";
import { Looker, show, type ExportOptions, type Look, type Metric, type MetricSource } from "./metric.ts";

export type { ExportOptions, HistogramMetric, Metric, MetricSource, ScalarMetric } from "./metric.ts";
export { MetricsError, type MetricsErrorCode } from "./errors.ts";

/** Units as UCUM writes them; others in braces. */
const UNITS: Readonly<Record<string, string>> = { bytes: "By", seconds: "s", "cpu-seconds": "s", percent: "%" };

/** One instrument, and what it says at a look. */
interface Instrument {
  readonly instrument: ObservableCounter | ObservableGauge;
  readonly value: (look: Look) => number | undefined;
}

/**
 * Makes observable instruments for the figures of `source`. Returns a function after which they observe nothing any more.
 *
 * @throws MetricsError `ERR_METRICS_SOURCE`; `ERR_METRICS_METER` when `meter` is none.
 */
export function registerOpenTelemetry(meter: Meter, source: MetricSource, options: ExportOptions = {}): () => void {
  if (typeof (meter as Partial<Meter> | null | undefined)?.addBatchObservableCallback !== "function") {
    throw new MetricsError("ERR_METRICS_METER", `figures are observed by a Meter of @opentelemetry/api, as metrics.getMeter("mallocgc"), not by ${show(meter)}`);
  }
  const looker = new Looker(source, options);
  const instruments = looker.first.flatMap((m) => instrumentsOf(meter, m));
  const observables: Observable[] = instruments.map(({ instrument }) => instrument);
  const observe = (result: BatchObservableResult): void => {
    const look = looker.look();
    for (const { instrument, value } of instruments) {
      const now = value(look);
      if (now !== undefined && Number.isFinite(now)) result.observe(instrument, now);
    }
  };
  meter.addBatchObservableCallback(observe, observables);
  return () => { meter.removeBatchObservableCallback(observe, observables); };
}

function instrumentsOf(meter: Meter, m: Metric): Instrument[] {
  const { name, description } = m;
  const full = `mallocgc${name.replace(/[/:]/g, ".").replace(/-/g, "_")}`;
  const unit = UNITS[m.unit] ?? `{${m.unit}}`;
  if (m.kind !== "float64-histogram") {
    const instrument = m.cumulative ? meter.createObservableCounter(full, { description, unit }) : meter.createObservableGauge(full, { description, unit });
    return [{ instrument, value: (look) => look.value(name) }];
  }
  return [
    { instrument: meter.createObservableCounter(`${full}.count`, { description, unit: "{value}" }), value: (look) => countOf(look.metric(name)) },
    { instrument: meter.createObservableCounter(`${full}.sum`, { description, unit }), value: (look) => look.sumOf(name) },
  ];
}

function countOf(m: Metric | undefined): number | undefined {
  return m?.kind === "float64-histogram" ? m.counts.reduce((n, count) => n + count, 0) : undefined;
}
