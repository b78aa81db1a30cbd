/**
 * Slots: a field or an element as the value that a view shows.
 *
 * Between an accessor, which knows words and refs, and a view's property, which knows JavaScript values, stands a slot: it
 * checks what is written, and turns refs into views and back. All slots take `(ref, i)`; those of fields ignore the index.
 */
import { FieldError, HeapError } from "../errors.ts";
import type { FieldType } from "./declare.ts";
import { checkValue } from "./field-check.ts";
import type { Items } from "./infer.ts";
import type { MutexField, MutexItems } from "./mutex-field.ts";
import type { RefField, RefItems } from "./ref-fields.ts";
import { describeView } from "./show.ts";
import type { ViewMaker } from "./view.ts";

export interface Slot {
  get(ref: number, i: number): unknown;
  set(ref: number, i: number, value: unknown): void;
}

interface ValueField {
  get(ref: number): unknown;
  set(ref: number, value: unknown): void;
}

interface ValueItems {
  get(ref: number, i: number): unknown;
  set(ref: number, i: number, value: unknown): void;
}

/** Kinds that take any value of one JavaScript type: that is then the whole check. */
const TAKES_ALL: Readonly<Record<string, string>> = { f64: "number", bool: "boolean", str: "string" };

/** A number, boolean, string or bytes in a field. */
export class ValueSlot implements Slot {
  private readonly field: ValueField;
  private readonly type: FieldType;
  private readonly where: string;
  private readonly takes: string;

  constructor(field: ValueField, type: FieldType, where: string) {
    this.field = field;
    this.type = type;
    this.where = where;
    this.takes = TAKES_ALL[type.kind] ?? "nothing";
  }

  get(ref: number): unknown {
    return this.field.get(ref);
  }

  set(ref: number, _i: number, value: unknown): void {
    if (typeof value !== this.takes) checkValue(this.type, this.where, value);
    this.field.set(ref, value);
  }
}

/** The same in an element. */
export class ValueItemSlot implements Slot {
  private readonly items: ValueItems;
  private readonly type: FieldType;
  private readonly where: string;

  constructor(items: ValueItems, type: FieldType, where: string) {
    this.items = items;
    this.type = type;
    this.where = where;
  }

  get(ref: number, i: number): unknown {
    return this.items.get(ref, i);
  }

  set(ref: number, i: number, value: unknown): void {
    checkValue(this.type, this.where, value);
    this.items.set(ref, i, value);
  }
}

/** A pointer in a field: a view, or null. */
export class RefSlot implements Slot {
  private readonly field: RefField;
  private readonly target: ViewMaker;
  private readonly where: string;

  constructor(field: RefField, target: ViewMaker, where: string) {
    this.field = field;
    this.target = target;
    this.where = where;
  }

  get(ref: number): unknown {
    const at = this.field.get(ref);
    return at === 0 ? null : this.target.make(at);
  }

  set(ref: number, _i: number, value: unknown): void {
    this.field.set(ref, value === null ? 0 : refOfView(this.target, value, this.where));
  }
}

/** The same in an element. */
export class RefItemSlot implements Slot {
  private readonly items: RefItems;
  private readonly target: ViewMaker;
  private readonly where: string;

  constructor(items: RefItems, target: ViewMaker, where: string) {
    this.items = items;
    this.target = target;
    this.where = where;
  }

  get(ref: number, i: number): unknown {
    const at = this.items.get(ref, i);
    return at === 0 ? null : this.target.make(at);
  }

  set(ref: number, i: number, value: unknown): void {
    this.items.set(ref, i, value === null ? 0 : refOfView(this.target, value, this.where));
  }
}

/** A mutex as a property: an object with its methods, bound to the place. */
export class MutexSlot implements Slot {
  private readonly accessor: MutexField | MutexItems;
  private readonly where: string;
  private readonly indexed: boolean;

  constructor(accessor: MutexField | MutexItems, where: string, indexed: boolean) {
    this.accessor = accessor;
    this.where = where;
    this.indexed = indexed;
  }

  get(ref: number, i: number): MutexView {
    return new MutexView(this.accessor, ref, this.indexed ? [i] : []);
  }

  set(_ref: number, _i: number, value: unknown): void {
    throw new FieldError(this.where, value, "no value: a mutex is locked and unlocked");
  }
}

type Call = (ref: number, ...args: unknown[]) => unknown;

/** What {@link MutexSlot} gives. */
export class MutexView {
  private readonly calls: Readonly<Record<"lock" | "tryLock" | "unlock" | "with" | "lockAsync" | "holder", Call>>;
  private readonly ref: number;
  private readonly index: readonly number[];

  constructor(accessor: MutexField | MutexItems, ref: number, index: readonly number[]) {
    this.calls = accessor as unknown as MutexView["calls"];
    this.ref = ref;
    this.index = index;
  }

  lock(timeoutMs: number = Infinity): void {
    this.calls.lock(this.ref, ...this.index, timeoutMs);
  }

  tryLock(): boolean {
    return this.calls.tryLock(this.ref, ...this.index) as boolean;
  }

  unlock(): void {
    this.calls.unlock(this.ref, ...this.index);
  }

  with<T>(fn: () => T): T {
    return this.calls.with(this.ref, ...this.index, fn) as T;
  }

  lockAsync(timeoutMs: number = Infinity): Promise<void> {
    return this.calls.lockAsync(this.ref, ...this.index, timeoutMs) as Promise<void>;
  }

  toString(): string {
    const holder = this.calls.holder(this.ref, ...this.index) as number;
    return holder === 0 ? "Mutex(free)" : `Mutex(held by thread ${holder})`;
  }
}

Object.defineProperty(MutexView.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: MutexView): string {
    return this.toString();
  },
});

/** A struct inside: a view of that part. Written field by field from any object. */
export class PartSlot implements Slot {
  private readonly part: ViewMaker;
  private readonly where: string;

  constructor(part: ViewMaker, where: string) {
    this.part = part;
    this.where = where;
  }

  get(ref: number, i: number): unknown {
    return this.part.make(ref, i);
  }

  set(ref: number, i: number, value: unknown): void {
    assign(this.part, this.part.make(ref, i), value, this.where);
  }
}

/** A fixed array inside, as a list. Written from any list of as many elements. */
export class FixedSlot implements Slot {
  private readonly make: (ref: number) => Items<FieldType>;
  private readonly where: string;

  constructor(make: (ref: number) => Items<FieldType>, where: string) {
    this.make = make;
    this.where = where;
  }

  get(ref: number): unknown {
    return this.make(ref);
  }

  set(ref: number, _i: number, value: unknown): void {
    fill(this.make(ref), value, this.where);
  }
}

/**
 * Sets the fields of `view` that `init` has.
 *
 * @throws FieldError when `init` is no object, has a field that the type has not, or a value that does not fit.
 */
export function assign(type: ViewMaker, view: object, init: unknown, where: string): void {
  if (typeof init !== "object" || init === null) throw new FieldError(where, init, `an object with fields of ${type.name}`);
  const from = init as Readonly<Record<string, unknown>>;
  if (type.owns(init)) {
    for (const name of type.fields) if (!(from[name] instanceof MutexView)) (view as Record<string, unknown>)[name] = from[name];
    return;
  }
  for (const name of Object.keys(init)) {
    if (!type.fields.has(name)) throw new FieldError(`${where}.${name}`, from[name], `nothing: there is no such field; ${type.name} has ${[...type.fields].join(", ")}`);
    if (from[name] !== undefined) (view as Record<string, unknown>)[name] = from[name];
  }
}

/** @throws FieldError when `values` is no list of as many elements. */
export function fill(items: { readonly length: number; set(i: number, value: never): void }, values: unknown, where: string): void {
  const list: unknown = typeof values === "object" && values !== null && Symbol.iterator in values ? [...(values as Iterable<unknown>)] : undefined;
  if (!Array.isArray(list) || list.length !== items.length) {
    throw new FieldError(where, values, `a list of ${items.length} elements`);
  }
  for (let i = 0; i < list.length; i++) items.set(i, list[i] as never);
}

/** @throws HeapError `ERR_TYPE_MISMATCH` when `value` is no view of an object of this type in this heap. */
function refOfView(target: ViewMaker, value: unknown, where: string): number {
  const ref = target.refOf(value);
  if (ref === 0) {
    throw new HeapError("ERR_TYPE_MISMATCH", `${where} takes a view of ${target.name} in this heap, or null, not ${describeView(value)}`);
  }
  return ref;
}
