/** Errors of the region, its locks, its allocators and the OS: each has a stable `code`, says what was wrong, and what to do. */

/** The codes of {@link SysmemError}. */
export type SysmemErrorCode =
  | "ERR_REGION_SIZE"
  | "ERR_REGION_NOT_SHAREABLE"
  | "ERR_REGION_RESERVE"
  | "ERR_REGION_MEMORY"
  | "ERR_LOCK_OPTIONS"
  | "ERR_LOCK_TIMEOUT"
  | "ERR_LOCK_ORDER"
  | "ERR_LOCK_NOT_HELD"
  | "ERR_ALLOC_SIZE"
  | "ERR_ALLOC_ALIGN"
  | "ERR_FREE"
  | "ERR_OS_RANGE"
  | "ERR_OS_ALIGNMENT";

/** Something that the region, its locks, its allocators or the operating system refused. */
export class SysmemError extends Error {
  override readonly name = "SysmemError";
  readonly code: SysmemErrorCode;

  constructor(code: SysmemErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
