/** Errors of the profile writer: each has a stable `code`, says what was wrong, and what to do. */

/** The codes of {@link PprofExportError}. */
export type PprofExportErrorCode =
  | "ERR_PPROF_RECORD"
  | "ERR_PPROF_DELTA"
  | "ERR_PPROF_OPTION"
  | "ERR_PPROF_LISTEN"
  | "ERR_PPROF_PUSH"
  | "ERR_PPROF_SNAPSHOT";

/** Records or options that make no sense, an address that cannot be had, a server that does not take a profile. */
export class PprofExportError extends Error {
  override readonly name = "PprofExportError";
  readonly code: PprofExportErrorCode;

  constructor(code: PprofExportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
