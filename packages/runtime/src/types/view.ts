/**
 * Views: objects of the heap as JavaScript objects, with a property for each field.
 *
 * Each type has a class. Its properties are accessors on the prototype, made of the same fields that raw refs are used with;
 * a view itself holds no more than the ref (and, as an element, its index). So a view costs an allocation where the engine
 * cannot do without, and a property about as much as a raw accessor plus a check of what is written. Two views of one object are two
 * objects: compare their `$ref`.
 *
 * A struct inside an object is a view of a part: its `$ref` is the whole object's, so nothing can refer to the part alone.
 *
 * **Turns.** A view is good for the turn in which it was made, since afterwards its object may be gone. In development mode
 * every view has the number of its turn, in a table beside so that it costs nothing otherwise, and using it later is a
 * StaleRefError.
 */
import { StaleRefError } from "../errors.ts";
import type { AccessorGroup, FixedGroup } from "./accessor.ts";
import { checkIndex } from "./field-check.ts";
import type { FieldType } from "./declare.ts";
import type { Items } from "./infer.ts";
import type { FieldLayout } from "./layout.ts";
import type { MutexField, MutexItems } from "./mutex-field.ts";
import type { ObjectHeap } from "./object-heap.ts";
import type { RefField, RefItems } from "./ref-fields.ts";
import { inspectView, viewToJson, type Shown } from "./show.ts";
import { FixedSlot, MutexSlot, PartSlot, RefItemSlot, RefSlot, ValueItemSlot, ValueSlot, type Slot } from "./slot.ts";
import type { TypeInfo } from "./type-info.ts";

/** Makes views of one type, and knows its own. */
export interface ViewMaker {
  readonly name: string;
  /** Names of a struct's fields. */
  readonly fields: ReadonlySet<string>;
  make(ref: number, i?: number): object;
  /** Whether `value` is a view of this type in this heap, of an object or of a part. */
  owns(value: unknown): boolean;
  /** The ref of an object, by a view of it; 0 when `value` is none. */
  refOf(value: unknown): number;
}

/** What makers need of the types of a heap. */
export interface ViewContext {
  readonly heap: ObjectHeap;
  /** Development mode: when each view was made. */
  readonly turns: WeakMap<object, number> | undefined;
  /** The maker of views of whole objects of the type that a ref points to. */
  targetOf(type: FieldType, where: string): ViewMaker;
  /** What is known of a struct that is inside an object. */
  infoOf(type: FieldType): TypeInfo;
}

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

type Inspect = (value: unknown, options: object) => string;

/** What all views have, on the prototype of their classes' prototypes. */
abstract class View {
  declare readonly $ref: number;
  /** On the prototype: the type. */
  declare readonly $type: TypeInfo;
  /** On the prototype: whether this is a part of an object. */
  declare readonly $part: boolean;

  $show(): Shown {
    const entries = (): Record<string, unknown> => {
      const all: Record<string, unknown> = {};
      for (const { name } of this.$type.layout.fields) all[name] = (this as unknown as Record<string, unknown>)[name];
      return all;
    };
    return { typeName: this.$type.name, ref: this.$ref, part: this.$part, entries };
  }

  toJSON(): unknown {
    return viewToJson(this.$show());
  }
}

/** A view of a struct inside an object, or inside an element. */
interface PartView extends View {
  readonly $index: number;
}

/** An array object, or a fixed array inside an object. */
export class ItemsView implements Items<FieldType> {
  readonly $ref: number;
  readonly length: number;
  private readonly slot: Slot;
  private readonly where: string;
  private readonly context: ViewContext;
  /** Of a fixed array, undefined: it is no object. */
  private readonly info: TypeInfo | undefined;

  constructor(context: ViewContext, ref: number, length: number, slot: Slot, where: string, info?: TypeInfo) {
    this.$ref = ref;
    this.length = length;
    this.slot = slot;
    this.where = where;
    this.context = context;
    this.info = info;
    context.turns?.set(this, context.heap.turnStamp());
  }

  get $type(): TypeInfo | undefined {
    return this.info;
  }

  at(i: number): never {
    this.check(i);
    return this.slot.get(this.$ref, i) as never;
  }

  set(i: number, value: never): void {
    this.check(i);
    this.slot.set(this.$ref, i, value);
  }

  *[Symbol.iterator](): Iterator<never> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  $show(): Shown {
    return { typeName: this.where, ref: this.$ref, part: this.info === undefined, entries: () => [...this] };
  }

  toJSON(): unknown[] {
    return viewToJson(this.$show()) as unknown[];
  }

  private check(i: number): void {
    checkIndex(this.where, i, this.length);
    if (this.context.turns !== undefined) checkTurn(this.context, this, this.where);
  }
}

type ViewClass = new (ref: number, i: number) => View;

for (const { prototype } of [View, ItemsView]) {
  // Apart from the class, since a symbol's name cannot be declared for others there.
  Object.defineProperty(prototype, INSPECT, {
    value(this: View | ItemsView, depth: number, options: object, inspect?: Inspect): string {
      return inspectView(this.$show(), depth, options, inspect);
    },
  });
}

/** Makes views of a struct: of whole objects, or of a part at one place. */
export class StructMaker implements ViewMaker {
  readonly name: string;
  readonly fields: ReadonlySet<string>;
  readonly viewClass: ViewClass;
  private readonly info: TypeInfo;
  private readonly context: ViewContext;
  private readonly turns: WeakMap<object, number> | undefined;

  constructor(context: ViewContext, info: TypeInfo, part: boolean) {
    this.turns = context.turns;
    this.name = info.name;
    this.fields = new Set(info.layout.fields.map(({ name }) => name));
    this.viewClass = newViewClass(info, part);
    this.info = info;
    this.context = context;
  }

  /** Gives the class its properties: apart from its making, because types refer to each other in circles. */
  complete(group: AccessorGroup, where: string, part: boolean, indexed: boolean): this {
    for (const field of this.info.layout.fields) {
      const slot = slotOf(this.context, field.type, group[field.name]!, `${where}.${field.name}`, indexed);
      Object.defineProperty(this.viewClass.prototype, field.name, { ...propertyOf(this.context, field, slot, where, part), enumerable: true });
    }
    return this;
  }

  make(ref: number, i = 0): object {
    const view = new this.viewClass(ref, i);
    if (this.turns !== undefined) this.turns.set(view, this.context.heap.turnStamp());
    return view;
  }

  owns(value: unknown): boolean {
    return typeof value === "object" && value !== null && (value as View).$type === this.info;
  }

  refOf(value: unknown): number {
    if (!this.owns(value) || (value as View).$part) return 0;
    if (this.context.turns !== undefined) checkTurn(this.context, value as View, this.name);
    return (value as View).$ref;
  }
}

/** Makes views of array objects. */
export class ArrayMaker implements ViewMaker {
  readonly name: string;
  readonly fields: ReadonlySet<string> = new Set();
  private readonly info: TypeInfo;
  private readonly context: ViewContext;
  private slot: Slot | undefined;

  constructor(context: ViewContext, info: TypeInfo) {
    this.name = info.name;
    this.info = info;
    this.context = context;
  }

  /** As {@link StructMaker.complete}. */
  complete(elem: FieldType, accessor: object): void {
    this.slot = slotOf(this.context, elem, accessor, this.name, true);
  }

  make(ref: number): ItemsView {
    return new ItemsView(this.context, ref, this.context.heap.region.i32[ref >>> 2]!, this.slot!, this.name, this.info);
  }

  owns(value: unknown): boolean {
    return value instanceof ItemsView && value.$type === this.info;
  }

  refOf(value: unknown): number {
    if (!this.owns(value)) return 0;
    if (this.context.turns !== undefined) checkTurn(this.context, value as ItemsView, this.name);
    return (value as ItemsView).$ref;
  }
}

function newViewClass(info: TypeInfo, part: boolean): ViewClass {
  // A class of its own that inherits only the methods: a constructor that calls one above is not inlined where views are made.
  const cls: ViewClass = (part ? newPartClass() : newObjectClass()) as unknown as ViewClass;
  Object.setPrototypeOf(cls.prototype as object, View.prototype);
  Object.defineProperty(cls, "name", { value: info.name });
  Object.defineProperty(cls.prototype, "$type", { value: info });
  Object.defineProperty(cls.prototype, "$part", { value: part });
  return cls;
}

function newObjectClass(): new (ref: number) => { $ref: number } {
  return class {
    $ref: number;
    constructor(ref: number) {
      this.$ref = ref;
    }
  };
}

function newPartClass(): new (ref: number, i: number) => { $ref: number; $index: number } {
  return class {
    $ref: number;
    $index: number;
    constructor(ref: number, i: number) {
      this.$ref = ref;
      this.$index = i;
    }
  };
}

/** The property for a field. One for each way: the engine then knows at each what it deals with. */
function propertyOf(context: ViewContext, field: FieldLayout, slot: Slot, where: string, part: boolean): PropertyDescriptor & ThisType<PartView> {
  if (context.turns !== undefined) {
    const name = `${where}.${field.name}`;
    return {
      get(): unknown {
        checkTurn(context, this, name);
        return slot.get(this.$ref, this.$index);
      },
      set(value: unknown): void {
        checkTurn(context, this, name);
        slot.set(this.$ref, this.$index, value);
      },
    };
  }
  if (part) {
    return {
      get(): unknown {
        return slot.get(this.$ref, this.$index);
      },
      set(value: unknown): void {
        slot.set(this.$ref, this.$index, value);
      },
    };
  }
  return {
    get(): unknown {
      return slot.get(this.$ref, 0);
    },
    set(value: unknown): void {
      slot.set(this.$ref, 0, value);
    },
  };
}

/** @throws StaleRefError when the view was made in a turn that has ended. */
function checkTurn(context: ViewContext, view: View | ItemsView, what: string): void {
  if (context.turns!.get(view) !== context.heap.turnStamp()) throw new StaleRefError(what, view.$ref);
}

function slotOf(context: ViewContext, type: FieldType, accessor: object, where: string, indexed: boolean): Slot {
  switch (type.kind) {
    case "ref": {
      const target = context.targetOf(type, where);
      return indexed ? new RefItemSlot(accessor as RefItems, target, where) : new RefSlot(accessor as RefField, target, where);
    }
    case "mutex":
      return new MutexSlot(accessor as MutexField | MutexItems, where, indexed);
    case "struct":
      return new PartSlot(new StructMaker(context, context.infoOf(type), true).complete(accessor as AccessorGroup, where, true, indexed), where);
    case "fixed": {
      const { length, at } = accessor as FixedGroup;
      const slot = slotOf(context, type.elem as FieldType, at, where, true);
      return new FixedSlot((ref) => new ItemsView(context, ref, length, slot, where), where);
    }
    default:
      return indexed ? new ValueItemSlot(accessor as never, type, where) : new ValueSlot(accessor as never, type, where);
  }
}

/** The type of the object that `value` is a view of; undefined when it is no view, or one of a part of an object. */
export function typeOfView(value: object): TypeInfo | undefined {
  if (!(value instanceof View || value instanceof ItemsView)) return undefined;
  return value instanceof View && value.$part ? undefined : value.$type;
}
