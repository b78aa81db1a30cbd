/** Errors of this package: each has a stable `code`, says what was wrong, and what to do. */

/** The codes of {@link SizeClassError}. */
export type SizeClassErrorCode =
  | "ERR_SIZE"
  | "ERR_SIZE_CLASS"
  | "ERR_PAGE_SIZE"
  | "ERR_MAX_SMALL_SIZE"
  | "ERR_MIN_ALIGN"
  | "ERR_DIV_MAGIC"
  | "ERR_SELF_CHECK";

/** A size, a class or a parameter of the generator that cannot be used. */
export class SizeClassError extends RangeError {
  override readonly name = "SizeClassError";
  readonly code: SizeClassErrorCode;

  constructor(code: SizeClassErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
