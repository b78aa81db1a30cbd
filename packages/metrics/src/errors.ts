/** Errors of the exporters: each has a stable `code`, says what was wrong, and what to do. */

/** The codes of {@link MetricsError}. */
export type MetricsErrorCode = "ERR_METRICS_SOURCE" | "ERR_METRICS_REGISTRY" | "ERR_METRICS_METER" | "ERR_METRICS_NAME";

/** What cannot be exported, or not there. */
export class MetricsError extends Error {
  override readonly name = "MetricsError";
  readonly code: MetricsErrorCode;

  constructor(code: MetricsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
