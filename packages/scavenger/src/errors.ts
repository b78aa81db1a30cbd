/** Errors of the scavenger and of page release: each has a stable `code`, says what was wrong, and what to do. */

/** The codes of {@link ScavengeError}. */
export type ScavengeErrorCode =
  | "ERR_SCAVENGE_BUFFER"
  | "ERR_SCAVENGE_RANGE"
  | "ERR_SCAVENGE_OPTION"
  | "ERR_SCAVENGE_INDEX";

/** What page release or the scavenger was given that makes no sense, or an index that somebody overwrote. */
export class ScavengeError extends Error {
  override readonly name = "ScavengeError";
  readonly code: ScavengeErrorCode;

  constructor(code: ScavengeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
