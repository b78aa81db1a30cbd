/** Errors of the heap: each has a stable `code`, says what was wrong, with the value, and what to do. */

/** The codes of {@link HeapError}; the README has a table of what raises which. */
export type HeapErrorCode =
  | "ERR_OPTION"
  | "ERR_ENVIRONMENT"
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
  | "ERR_HEAP_DAMAGED"
  | "ERR_PROCESSOR"
  | "ERR_NOT_SHAREABLE"
  | "ERR_REGION_RESERVE"
  | "ERR_TOO_MANY_THREADS"
  | "ERR_TYPE"
  | "ERR_TYPE_CONFLICT"
  | "ERR_TYPE_MISMATCH"
  | "ERR_FIELD"
  | "ERR_STALE_REF"
  | "ERR_MUTEX"
  | "ERR_COLLECTED"
  | "ERR_NOT_COLLECTED"
  | "ERR_ROOT"
  | "ERR_ROOT_UNKNOWN"
  | "ERR_ROOT_DISPOSED"
  | "ERR_ROOT_HANDLE"
  | "ERR_TURN"
  | "ERR_CLEANUP"
  | "ERR_FINALIZER"
  | "ERR_WEAK";

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

  constructor(requested: number, maxBytes: number, collected = false) {
    const advice = collected ? "drop roots, end the turn or call heap.safepoint() so that garbage can be collected, await heap.gc()" : "free blocks";
    super("ERR_HEAP_EXHAUSTED", `the heap of ${maxBytes} bytes has no room for ${requested} more; ${advice}, or create the heap with a larger maxBytes`);
    this.requested = requested;
    this.maxBytes = maxBytes;
  }
}

/** A value that a field cannot hold: of the wrong type, out of its range, or at an index that is not there. */
export class FieldError extends HeapError {
  override readonly name = "FieldError";
  /** The field, with its type: `Node.tag`. */
  readonly field: string;
  /** What was given. */
  readonly value: unknown;
  /** What the field takes, in words. */
  readonly allowed: string;

  constructor(field: string, value: unknown, allowed: string) {
    super("ERR_FIELD", `${field} takes ${allowed}, not ${describeValue(value)}`);
    this.field = field;
    this.value = value;
    this.allowed = allowed;
  }
}

/** A view was used after the turn in which it was made, when its object may be gone. Only with `checks: true`. */
export class StaleRefError extends HeapError {
  override readonly name = "StaleRefError";
  /** The object's type. */
  readonly type: string;
  readonly ref: number;

  constructor(type: string, ref: number) {
    super(
      "ERR_STALE_REF",
      `this view of ${type} at ${ref} was made in a turn that has ended, and its object may be gone; ` +
        "keep a root (heap.root, a named root, or a field of an object that is kept) and make a view anew from it in each turn",
    );
    this.type = type;
    this.ref = ref;
  }
}

/** For what a thread does with a heap that it has left. */
export function detached(): HeapError {
  return new HeapError("ERR_HEAP_DETACHED", "this thread has left the heap (detach or close was called); attach again with its handle");
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
