/**
 * Accessors that check: in development mode (`checks: true`) every accessor is wrapped in one of these when its type is
 * bound, so that heaps without checks pay nothing for them.
 *
 * A checked accessor has the accessor itself as its prototype and each of its methods anew: first the ref (the start of a
 * live object that is large enough), then the index, then the values, then the accessor's own method.
 */
import { FieldError } from "../errors.ts";
import type { FieldType } from "./declare.ts";
import { checkIndex, checkValue, isWhole } from "./field-check.ts";
import type { ObjectHeap } from "./object-heap.ts";

/** Where a field or element stands, and in what. */
export interface Place {
  /** The field, for messages: `Node.tag`. */
  readonly where: string;
  /** From the object's start, in bytes; of elements: of the first. */
  readonly offset: number;
  /** Elements: from one to the next. 0 for a field, which has no index. */
  readonly stride: number;
  /** Elements of a fixed array; 0: the object itself says how many. */
  readonly count: number;
  /** Bytes of the object; of an array object: of its header. */
  readonly nbytes: number;
}

type Method = (ref: number, ...args: unknown[]) => unknown;

/** Methods that take values of the field's type, and how many; after ref and index. */
const VALUES: Readonly<Record<string, number>> = { set: 1, store: 1, exchange: 1, compareExchange: 2, wait: 1, waitAsync: 1 };
/** Methods that take a number to calculate with. */
const OPERANDS: ReadonlySet<string> = new Set(["add", "sub", "and", "or", "xor"]);

/** `accessor`, which stands for a field of this type at this place, with checks. */
export function checkedAccessor<A extends object>(heap: ObjectHeap, accessor: A, type: FieldType, place: Place): A {
  const checked = Object.create(accessor) as Record<string, Method>;
  const methods = accessor as unknown as Readonly<Record<string, Method>>;
  const indexed = place.stride > 0;
  for (const name of methodNames(accessor)) {
    const method = methods[name]!;
    checked[name] = (ref, ...args): unknown => {
      checkRef(heap, ref, place, indexed ? args[0] : undefined);
      checkArguments(heap, name, type, place, indexed ? args.slice(1) : args);
      return method.call(accessor, ref, ...args);
    };
  }
  return checked as unknown as A;
}

/**
 * @throws HeapError of the heap when `ref` is no live object; FieldError when it has no element `i`.
 */
function checkRef(heap: ObjectHeap, ref: number, place: Place, i?: unknown): void {
  heap.checkObject(ref, place.nbytes);
  if (place.stride === 0) return;
  if (place.count > 0) {
    checkIndex(place.where, i, place.count);
    return;
  }
  const length = heap.region.i32[ref >>> 2]!;
  checkIndex(place.where, i, length);
  // A ref of another type can look like an array that is longer than its slot.
  heap.checkObject(ref, place.nbytes + length * place.stride);
}

function checkArguments(heap: ObjectHeap, name: string, type: FieldType, place: Place, args: readonly unknown[]): void {
  if (OPERANDS.has(name) && !isWhole(args[0], -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)) {
    throw new FieldError(`${place.where}.${name}`, args[0], "an integer");
  }
  if (name === "equals" && typeof args[0] !== "string") throw new FieldError(`${place.where}.equals`, args[0], "a string");
  const n = VALUES[name] ?? 0;
  for (let k = 0; k < n; k++) {
    checkValue(type, place.where, args[k]);
    if (type.kind === "ref" && args[k] !== 0) heap.checkObject(args[k] as number, 0);
  }
  if (name === "setRef") {
    checkValue(REF, place.where, args[0]);
    // The header of a string or of bytes.
    if (args[0] !== 0) heap.checkObject(args[0] as number, 8);
  }
}

const REF: FieldType = { kind: "ref", target: undefined };

/** The methods of an object's class and of those above. (Those that an accessor calls itself it finds unwrapped.) */
function methodNames(object: object): Set<string> {
  const names = new Set<string>();
  for (let proto = Object.getPrototypeOf(object) as object; proto !== Object.prototype; proto = Object.getPrototypeOf(proto) as object) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(proto))) {
      if (name !== "constructor" && typeof value === "function") names.add(name);
    }
  }
  return names;
}
