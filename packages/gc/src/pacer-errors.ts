/** Errors of the pacer and its neighbours: each has a stable `code`, says what was wrong, and what to do. */

/** The codes of {@link PacerError}. */
export type PacerErrorCode =
  | "ERR_PACER_OPTION"
  | "ERR_PACER_RECORD"
  | "ERR_MARK_WORKERS"
  | "ERR_LIMITER_TRANSITION";

/** A setting that makes no sense, or calls in an order that cannot be. */
export class PacerError extends Error {
  override readonly name = "PacerError";
  readonly code: PacerErrorCode;

  constructor(code: PacerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The index in a Float64Array of the record at word `at`. @throws PacerError `ERR_PACER_RECORD` when the word is odd, or the record does not fit. */
export function f64IndexOf(f64: Float64Array, at: number, words: number, name: string): number {
  if (!Number.isInteger(at) || at < 0 || (at & 1) !== 0 || (at + words) >>> 1 > f64.length) {
    throw new PacerError("ERR_PACER_RECORD", `the record ${name} takes ${words} words from an even word on, within the region, not from word ${at}`);
  }
  return at >>> 1;
}
