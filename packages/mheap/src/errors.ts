/** Errors of the page heap: each has a stable `code`, says what was wrong, and what to do. */

/** The codes of {@link MheapError}. */
export type MheapErrorCode = "ERR_HEAP_CONFIG" | "ERR_HEAP_NPAGES" | "ERR_HEAP_CORRUPT" | "ERR_SPAN_NOT_IN_USE";

/** Something that the page heap refused, or found broken. */
export class MheapError extends Error {
  override readonly name = "MheapError";
  readonly code: MheapErrorCode;

  constructor(code: MheapErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
