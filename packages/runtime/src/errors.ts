/** Errors of the heap: each has a stable `code`, says what was wrong, with the value, and what to do. */

/** The codes of {@link HeapError}; the README has a table of what raises which. */
export type HeapErrorCode =
  | "ERR_OPTION"
  | "ERR_SIZE"
  | "ERR_ADDRESS"
  | "ERR_ADDRESS_NIL"
  | "ERR_ADDRESS_OUTSIDE"
  | "ERR_ADDRESS_UNUSED"
  | "ERR_ADDRESS_INTERIOR"
  | "ERR_NOT_ALLOCATED"
  | "ERR_VIEW"
  | "ERR_HANDLE"
  | "ERR_HANDLE_VERSION"
  | "ERR_HEAP_CLOSED"
  | "ERR_HEAP_DETACHED"
  | "ERR_HEAP_EXHAUSTED"
  | "ERR_NOT_SHAREABLE"
  | "ERR_REGION_RESERVE"
  | "ERR_TOO_MANY_THREADS";

/** A request that the heap refused. Nothing was changed, and the heap stays usable. */
export class HeapError extends Error {
  override readonly name: string = "HeapError";
  readonly code: HeapErrorCode;

  constructor(code: HeapErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** There is no room for the request, even after all that this thread can give back was given back. Live blocks are intact. */
export class HeapExhaustedError extends HeapError {
  override readonly name = "HeapExhaustedError";
  /** Bytes that were asked for. */
  readonly requested: number;
  /** The heap's limit in bytes. */
  readonly maxBytes: number;

  constructor(requested: number, maxBytes: number) {
    super(
      "ERR_HEAP_EXHAUSTED",
      `the heap of ${maxBytes} bytes has no room for ${requested} more; free blocks, or create the heap with a larger maxBytes`,
    );
    this.requested = requested;
    this.maxBytes = maxBytes;
  }
}

/** A value of any kind, for a message: it has to say what was given, and must not throw itself. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case "number":
      return String(value);
    case "bigint":
      return `${value}n`;
    case "string":
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
    case "boolean":
    case "undefined":
    case "symbol":
      return String(value);
    case "function":
      return "a function";
    default:
      return value === null ? "null" : `an object (${Object.prototype.toString.call(value).slice(8, -1)})`;
  }
}
