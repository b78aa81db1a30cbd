/**
 * Layouts: where the fields of a type stand, where its pointers are, and what makes two declarations the same.
 *
 * Fields stand in the order declared, each at the next multiple of its alignment: its size for a scalar, 4 for pointers and
 * mutexes (pointers are 4 bytes wide), the largest of its fields for a struct. A struct's size is rounded up to its
 * alignment. So it is in Go, on a machine with 4-byte pointers and 8-byte alignment of float64.
 *
 *     struct("Node", { next: ref(...), value: f64, name: str, tag: u8 })          array(u16), of 3 elements
 *      0        4        8                16       20  21     24                    0        4        8   10  12  14
 *     | next   | -      | value          | name   |tag| -     |                    | length | -      | 0 | 1 | 2 |
 *       bit 0                              bit 4
 *
 * An array begins with 8 bytes: the number of its elements, then a word that is always 0, so that elements of any type are
 * aligned. An object's address is a multiple of 8 if its type's alignment or its size is.
 *
 * **Pointer map.** One bit for each 4-byte word, of a struct from its start, of an array for one element; `ptrWords` is the
 * number of words up to and with the last pointer. Without pointers (`noscan`) the collector never looks at an object.
 *
 * **Signature.** One line for each field, its name and its type as text; a ref names its target, a struct inside is written out.
 * Since places follow from types, two declarations with equal signatures have equal layouts, whichever thread made them.
 */
import { alignUp } from "@mallocgc/sysmem";
import { HeapError } from "../errors.ts";
import { describeType, isFieldType, targetOf, type ArrayType, type FieldType, type FixedType, type ObjectType, type ScalarKind, type StructType } from "./declare.ts";

/** Bytes before an array's first element. */
export const ARRAY_HEADER_BYTES = 8;
/** Of the collector's part of a type record: how to read the pointer map. */
export const KIND_STRUCT = 0;
export const KIND_ARRAY = 1;
/** The largest size of a type, and of an array object. */
export const MAX_OBJECT_BYTES = 1073741824;

/** A field of a struct, in place. */
export interface FieldLayout {
  readonly name: string;
  readonly type: FieldType;
  readonly offset: number;
}

/** Where everything is in an object of a type. Sizes and offsets in bytes. */
export interface TypeLayout {
  readonly name: string;
  readonly kind: typeof KIND_STRUCT | typeof KIND_ARRAY;
  /** Of an array: of its header. */
  readonly size: number;
  readonly align: number;
  /** Of an array: from one element to the next; 0 for a struct. */
  readonly elemSize: number;
  readonly fields: readonly FieldLayout[];
  /** Of the pointer map: bit `i & 31` of `mask[i >> 5]` is set when word `i` is a pointer. */
  readonly ptrWords: number;
  readonly mask: readonly number[];
  readonly noscan: boolean;
  readonly signature: readonly string[];
}

/** How much room something takes, and which of its words are pointers. */
interface Shape {
  readonly size: number;
  readonly align: number;
  readonly pointers: readonly number[];
}

const SCALAR_SIZE: Readonly<Record<ScalarKind, number>> = { i8: 1, u8: 1, bool: 1, i16: 2, u16: 2, i32: 4, u32: 4, f32: 4, f64: 8 };
const POINTER: Shape = { size: 4, align: 4, pointers: [0] };
const WORD: Shape = { size: 4, align: 4, pointers: [] };

const FIELD_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** What views and groups of accessors have for other reasons. */
const TAKEN_NAMES: ReadonlySet<string> = new Set(["constructor", "__proto__", "toJSON"]);

/** A struct's fields are read once: getters make their types anew at each look. */
const layouts = new WeakMap<ObjectType, TypeLayout>();
const shapes = new WeakMap<ObjectType, Shape>();
/** Structs being laid out and arrays being named: one that is met again holds itself. */
const open = new Set<ObjectType>();

/**
 * The layout of a type.
 *
 * @throws HeapError `ERR_TYPE` when a field is no type or has an unusable name, when a struct holds itself, or is too large.
 */
export function layoutOf(type: ObjectType): TypeLayout {
  let layout = layouts.get(type);
  if (layout === undefined) {
    layout = type.kind === "struct" ? layStruct(type) : layArray(type);
    layouts.set(type, layout);
  }
  return layout;
}

/** The name of a type; that of an array says what it holds, as Go writes it. */
export function nameOf(type: ObjectType): string {
  if (type.kind === "struct") return type.name;
  if (open.has(type)) throw new HeapError("ERR_TYPE", "an array of refs to itself has no name; put a struct between");
  open.add(type);
  try {
    return `[]${elementName(type.elem as FieldType)}`;
  } finally {
    open.delete(type);
  }
}

/** Every type that can be reached from `type` by refs and by what is inside, itself first. */
export function reachableFrom(type: ObjectType): ObjectType[] {
  const all = new Set<ObjectType>([type]);
  const visit = (field: FieldType, where: string): void => {
    if (field.kind === "ref") all.add(targetOf(field, where));
    else if (field.kind === "struct") all.add(field);
    else if (field.kind === "fixed") visit(field.elem as FieldType, where);
  };
  // The set grows while it is walked.
  for (const each of all) {
    if (each.kind === "array") visit(each.elem as FieldType, "an array");
    else for (const { name, type: field } of layoutOf(each).fields) visit(field, `${each.name}.${name}`);
  }
  return [...all];
}

/** The bytes that a field takes. */
export function sizeOf(type: FieldType): number {
  return shapeOf(type, "a field").size;
}

/** A type as text, the same in every thread: what it is, and of what. */
function typeText(type: FieldType): string {
  switch (type.kind) {
    case "ref":
      return `*${nameOf(targetOf(type, "a ref"))}`;
    case "fixed":
      return `[${type.length}]${typeText(type.elem as FieldType)}`;
    case "struct":
      return `${type.name}{${layoutOf(type).signature.join(", ")}}`;
    default:
      return type.kind;
  }
}

function elementName(elem: FieldType): string {
  return elem.kind === "struct" ? elem.name : typeText(elem);
}

function layStruct(type: StructType<string, object>): TypeLayout {
  if (open.has(type)) throw new HeapError("ERR_TYPE", `struct ${type.name} holds itself, so it has no size; hold it by ref`);
  open.add(type);
  try {
    const fields: FieldLayout[] = [];
    const pointers: number[] = [];
    let at = 0;
    let align = 1;
    for (const name of Object.keys(type.fields)) {
      const where = `${type.name}.${name}`;
      if (!FIELD_NAME.test(name) || TAKEN_NAMES.has(name)) {
        throw new HeapError("ERR_TYPE", `${where}: a field is named with letters, digits and _, not with a digit first, and not ${[...TAKEN_NAMES].join(", ")}`);
      }
      const field: unknown = (type.fields as Record<string, unknown>)[name];
      if (!isFieldType(field)) {
        throw new HeapError("ERR_TYPE", `${where} is ${describeType(field)}, which cannot be a field; a field is a scalar, str, bytes, ref, fixed, struct or mutex`);
      }
      const shape = shapeOf(field, where);
      at = alignUp(at, shape.align);
      fields.push({ name, type: field, offset: at });
      for (const word of shape.pointers) pointers.push(at / 4 + word);
      at += shape.size;
      if (shape.align > align) align = shape.align;
      if (at > MAX_OBJECT_BYTES) throw new HeapError("ERR_TYPE", `struct ${type.name} is larger than ${MAX_OBJECT_BYTES} bytes`);
    }
    const size = alignUp(at, align);
    shapes.set(type, { size, align, pointers });
    const signature = fields.map((field) => `${field.name} ${typeText(field.type)}`);
    return { name: type.name, kind: KIND_STRUCT, size, align, elemSize: 0, fields, ...pointerMap(pointers), signature };
  } finally {
    open.delete(type);
  }
}

function layArray(type: ArrayType<unknown>): TypeLayout {
  const elem = type.elem as FieldType;
  const { size, align, pointers } = shapeOf(elem, nameOf(type));
  checkElement(elem, nameOf(type));
  return {
    name: nameOf(type), kind: KIND_ARRAY, size: ARRAY_HEADER_BYTES, align: Math.max(align, 4), elemSize: size, fields: [],
    ...pointerMap(pointers), signature: [`elements ${typeText(elem)}`],
  };
}

function shapeOf(type: FieldType, where: string): Shape {
  switch (type.kind) {
    case "ref":
    case "str":
    case "bytes":
      return POINTER;
    case "mutex":
      return WORD;
    case "struct":
      layoutOf(type);
      return shapes.get(type)!;
    case "fixed":
      return repeat(type, where);
    default: {
      const size = SCALAR_SIZE[type.kind];
      return { size, align: size, pointers: [] };
    }
  }
}

function repeat({ elem, length }: FixedType<unknown, number>, where: string): Shape {
  const { size, align, pointers } = shapeOf(elem as FieldType, where);
  checkElement(elem as FieldType, where);
  if (size * length > MAX_OBJECT_BYTES) throw new HeapError("ERR_TYPE", `${where} is larger than ${MAX_OBJECT_BYTES} bytes`);
  const all: number[] = [];
  if (pointers.length > 0) for (let i = 0; i < length; i++) for (const word of pointers) all.push((i * size) / 4 + word);
  return { size: size * length, align, pointers: all };
}

/** Elements have one index: a struct in an array can hold no fixed array. */
function checkElement(elem: FieldType, where: string): void {
  if (elem.kind !== "struct") return;
  if (layoutOf(elem).size === 0) throw new HeapError("ERR_TYPE", `${where}: ${elem.name} has no fields, so nothing can be kept in its elements`);
  for (const { name, type } of layoutOf(elem).fields) {
    if (type.kind === "fixed") throw new HeapError("ERR_TYPE", `${where}: the elements hold a fixed array, ${elem.name}.${name}, which would need two indexes; hold refs to ${elem.name}`);
    checkElement(type, where);
  }
}

function pointerMap(pointers: readonly number[]): Pick<TypeLayout, "ptrWords" | "mask" | "noscan"> {
  // The places come in rising order.
  const ptrWords = pointers.length === 0 ? 0 : pointers[pointers.length - 1]! + 1;
  const mask = new Array<number>(Math.ceil(ptrWords / 32)).fill(0);
  for (const word of pointers) mask[word >> 5]! |= 1 << (word & 31);
  return { ptrWords, mask, noscan: ptrWords === 0 };
}
