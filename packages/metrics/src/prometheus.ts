/**
 * For Prometheus: figures as metrics of a prom-client registry, read when somebody scrapes.
 *
 *     go_memstats_heap_inuse_bytes                  where the meaning is that of Go's MemStats, client_golang's name
 *     mallocgc_gc_heap_allocs_bytes_total           all: "mallocgc" and the name, as client_golang makes one of Go's
 *
 * prom-client's own classes only count what they are told; these figures are counted already. A registry takes anything that has a name and can `get` values, so
 * that is what it gets, and nothing of prom-client is loaded here.
 */
import { MetricsError } from "./errors.ts";
import { cumulativeBuckets } from "./histogram.ts";
import { Looker, show, type ExportOptions, type Look, type Metric, type MetricSource } from "./metric.ts";

export type { ExportOptions, HistogramMetric, Metric, MetricSource, ScalarMetric } from "./metric.ts";
export { MetricsError, type MetricsErrorCode } from "./errors.ts";

/** What is needed of prom-client's Registry. */
export interface PrometheusRegistry {
  registerMetric(metric: never): void;
  removeSingleMetric(name: string): void;
  getSingleMetric(name: string): unknown;
}

type PrometheusType = "gauge" | "counter" | "histogram";

interface PrometheusValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

/** Go's MemStats as client_golang names them, each as a sum of metrics. */
const MEM_STATS: readonly (readonly [name: string, type: PrometheusType, help: string, parts: readonly string[]])[] = [
  ["alloc_bytes", "gauge", "Bytes of live objects.", ["/memory/classes/heap/objects:bytes"]],
  ["alloc_bytes_total", "counter", "Bytes of all objects ever allocated.", ["/gc/heap/allocs:bytes"]],
  ["sys_bytes", "gauge", "Bytes taken into use, for whatever purpose.", ["/memory/classes/total:bytes"]],
  ["mallocs_total", "counter", "Objects ever allocated.", ["/gc/heap/allocs:objects", "/gc/heap/tiny/allocs:objects"]],
  ["frees_total", "counter", "Objects ever freed.", ["/gc/heap/frees:objects", "/gc/heap/tiny/allocs:objects"]],
  ["heap_alloc_bytes", "gauge", "Bytes of live objects.", ["/memory/classes/heap/objects:bytes"]],
  ["heap_sys_bytes", "gauge", "Bytes that the heap has grown by.", ["/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes", "/memory/classes/heap/free:bytes", "/memory/classes/heap/released:bytes"]],
  ["heap_idle_bytes", "gauge", "Bytes of pages in no span.", ["/memory/classes/heap/free:bytes", "/memory/classes/heap/released:bytes"]],
  ["heap_inuse_bytes", "gauge", "Bytes of pages in spans.", ["/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes"]],
  ["heap_released_bytes", "gauge", "Bytes of idle pages with no memory behind them.", ["/memory/classes/heap/released:bytes"]],
  ["heap_objects", "gauge", "Live objects.", ["/gc/heap/objects:objects"]],
  ["mspan_inuse_bytes", "gauge", "Bytes of span records in use.", ["/memory/classes/metadata/mspan/inuse:bytes"]],
  ["mspan_sys_bytes", "gauge", "Bytes taken for span records.", ["/memory/classes/metadata/mspan/inuse:bytes", "/memory/classes/metadata/mspan/free:bytes"]],
  ["mcache_inuse_bytes", "gauge", "Bytes of the records of attached threads.", ["/memory/classes/metadata/mcache/inuse:bytes"]],
  ["mcache_sys_bytes", "gauge", "Bytes taken for records of threads.", ["/memory/classes/metadata/mcache/inuse:bytes", "/memory/classes/metadata/mcache/free:bytes"]],
  ["buck_hash_sys_bytes", "gauge", "Bytes of the tables of profile buckets.", ["/memory/classes/profiling/buckets:bytes"]],
  ["gc_sys_bytes", "gauge", "Bytes of page tables and of the collector's records.", ["/memory/classes/metadata/other:bytes"]],
  ["other_sys_bytes", "gauge", "Bytes of all other records.", ["/memory/classes/other:bytes"]],
  ["next_gc_bytes", "gauge", "Live bytes at which the next cycle should be over.", ["/gc/heap/goal:bytes"]],
];

/**
 * Registers the figures of `source` with a registry of prom-client. Returns a function that takes them out again.
 *
 * @throws MetricsError `ERR_METRICS_SOURCE`; `ERR_METRICS_REGISTRY` when `registry` is none; `ERR_METRICS_NAME` when it has one of the names already. Nothing is registered then.
 */
export function registerPrometheus(registry: PrometheusRegistry, source: MetricSource, options: ExportOptions = {}): () => void {
  if (typeof (registry as Partial<PrometheusRegistry> | null | undefined)?.registerMetric !== "function") {
    throw new MetricsError("ERR_METRICS_REGISTRY", `figures are registered with a Registry of prom-client, not with ${show(registry)}`);
  }
  const looker = new Looker(source, options);
  const names = new Set(looker.first.map((m) => m.name));
  const metrics = [
    ...MEM_STATS.filter(([, , , parts]) => parts.every((part) => names.has(part))).map(([name, type, help, parts]) => new Exported(looker, `go_memstats_${name}`, type, help, (look) => sumOf(look, parts))),
    ...looker.first.map((m) => new Exported(looker, prometheusName(m), typeOf(m), m.description, (look) => valuesOf(look, m))),
  ];
  const taken = metrics.find(({ name }) => registry.getSingleMetric(name) !== undefined);
  if (taken !== undefined) {
    throw new MetricsError("ERR_METRICS_NAME", `the registry has a metric ${taken.name} already: give each heap a registry of its own, or stop the other first`);
  }
  const registered = metrics.map((metric) => metric.name);
  for (const metric of metrics) registry.registerMetric(metric as never);
  return () => { for (const name of registered) registry.removeSingleMetric(name); };
}

/** What a registry takes for a metric. */
class Exported {
  /** prom-client cuts `_total` off a counter's name when it writes OpenMetrics. */
  name: string;
  readonly type: PrometheusType;
  readonly help: string;
  /** For several processes in a cluster: each has heaps of its own. */
  readonly aggregator = "sum";
  private readonly looker: Looker;
  private readonly values: (look: Look) => PrometheusValue[];

  constructor(looker: Looker, name: string, type: PrometheusType, help: string, values: (look: Look) => PrometheusValue[]) {
    this.looker = looker;
    this.name = name;
    this.type = type;
    this.help = help;
    this.values = values;
  }

  get(): Promise<unknown> {
    const { name, type, help, aggregator } = this;
    return Promise.resolve({ name, type, help, aggregator, values: this.values(this.looker.look()) });
  }

  /** What is counted elsewhere is not reset from here. */
  reset(): void {}
}

function prometheusName(m: Metric): string {
  const name = `mallocgc${m.name.replace(/[^a-z0-9]/g, "_")}`;
  return m.cumulative && m.kind !== "float64-histogram" ? `${name}_total` : name;
}

function typeOf(m: Metric): PrometheusType {
  if (m.kind === "float64-histogram") return "histogram";
  return m.cumulative ? "counter" : "gauge";
}

function sumOf(look: Look, parts: readonly string[]): PrometheusValue[] {
  const values = parts.map((part) => look.value(part));
  return values.includes(undefined) ? [] : [{ value: values.reduce<number>((n, value) => n + value!, 0), labels: {} }];
}

function valuesOf(look: Look, { name, ...m }: Metric): PrometheusValue[] {
  const now = look.metric(name);
  if (now === undefined) return [];
  if (now.kind !== "float64-histogram") return [{ value: now.value, labels: {} }];
  const base = prometheusName({ name, ...m });
  const buckets = cumulativeBuckets(now);
  const sum = look.sumOf(name);
  return [
    ...buckets.map(({ le, count }) => ({ value: count, labels: { le: le === Infinity ? "+Inf" : le }, metricName: `${base}_bucket` })),
    ...(sum === undefined ? [] : [{ value: sum, labels: {}, metricName: `${base}_sum` }]),
    { value: buckets.at(-1)?.count ?? 0, labels: {}, metricName: `${base}_count` },
  ];
}
