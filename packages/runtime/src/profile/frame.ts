/** One function that was being executed, as a profile shows it. */
export interface Frame {
  /** Empty for a function without a name. */
  readonly functionName: string;
  /** A path, or a URL where there is none. Empty when not known. */
  readonly fileName: string;
  /** From 1; 0 when not known. */
  readonly line: number;
  /** From 1; 0 when not known. */
  readonly column: number;
}

/** A text that only equal frames have. */
export function frameKey({ functionName, fileName, line, column }: Frame): string {
  return `${functionName}\n${fileName}\n${line}:${column}`;
}
