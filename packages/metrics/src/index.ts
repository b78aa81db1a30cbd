export { MetricsError, type MetricsErrorCode } from "./errors.ts";
export type { ExportOptions, HistogramMetric, Metric, MetricSource, ScalarMetric } from "./metric.ts";
