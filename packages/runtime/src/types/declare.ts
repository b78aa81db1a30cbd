/**
 * Declaring types: what an object holds, said once, without a heap.
 *
 *     const Node = struct("Node", {
 *       get next() { return ref(Node); },   // nullable pointer; a getter where a type refers to itself or to one declared below
 *       value: f64,
 *       name: str,
 *       tag: u8,
 *     });
 *     const Nodes = array(ref(Node));
 *
 * A declaration is a frozen value that belongs to no heap and no thread: every thread that works with the objects declares
 * the same (usually by importing one module), and a TypeTable makes it the type of a heap. TypeScript infers everything
 * from it: the accessors, the properties of views and what `create` takes.
 *
 * **Recursion.** `const Node = struct("Node", { next: ref(() => Node) })` cannot be inferred: to know the type of `Node`,
 * TypeScript has to know the type of its initializer, whose arrow function returns `Node` (TS7022). The type of a getter,
 * though, is looked at only when someone asks for that property. So a reference to the type itself, or to one declared
 * further down, stands in a getter; mutual recursion needs nothing more. `ref` takes a type or a function that returns it;
 * within a getter both are the same. For the same reason the type parameter of `struct` has no constraint on the fields: it
 * would ask for their types too early. What is no type in a declaration has the accessor type `never`, and is
 * `ERR_TYPE` when the type is bound.
 *
 * Getters are called when the layout is first needed, not here: by then all declarations of a module have been made.
 */
import { HeapError, describeValue } from "../errors.ts";

export type IntKind = "i8" | "u8" | "i16" | "u16" | "i32" | "u32";
export type ScalarKind = IntKind | "f32" | "f64" | "bool";

/** A number or boolean that stands in the object itself. */
export interface ScalarType<K extends ScalarKind = ScalarKind> {
  readonly kind: K;
}

/** A string: a pointer to its bytes in the heap; "" is nil. */
export interface StrType {
  readonly kind: "str";
}

/** A run of bytes: a pointer to an object that holds their number and the bytes; nil reads as none. */
export interface BytesType {
  readonly kind: "bytes";
}

/** A lock in one word, for any threads. */
export interface MutexType {
  readonly kind: "mutex";
}

/** A pointer to an object of type `T`, or nil. */
export interface RefType<T> {
  readonly kind: "ref";
  readonly target: T | (() => T);
}

/** `L` elements that stand in the object itself. */
export interface FixedType<T, L extends number> {
  readonly kind: "fixed";
  readonly elem: T;
  readonly length: L;
}

/** An object that holds any number of elements, as many as it was made with. */
export interface ArrayType<T> {
  readonly kind: "array";
  readonly elem: T;
}

/** An object (or a part of one) with named fields, in the order declared. */
export interface StructType<N extends string, F> {
  readonly kind: "struct";
  readonly name: N;
  readonly fields: F;
}

/** What can be a field. Structs as fields stand in the object itself. */
export type FieldType =
  | ScalarType
  | StrType
  | BytesType
  | MutexType
  | RefType<unknown>
  | FixedType<unknown, number>
  | StructType<string, object>;

/** What can be an object of its own, and so what a ref can point to. */
export type ObjectType = StructType<string, object> | ArrayType<unknown>;

const FIELD_KINDS: ReadonlySet<unknown> = new Set(["i8", "u8", "i16", "u16", "i32", "u32", "f32", "f64", "bool", "str", "bytes", "mutex", "ref", "fixed", "struct"]);

/** Names that appear in messages and in the region; no bracket, so that no struct is named like an array. */
const TYPE_NAME = /^[A-Za-z_][A-Za-z0-9_./:-]{0,199}$/;

export const f64: ScalarType<"f64"> = Object.freeze({ kind: "f64" });
export const f32: ScalarType<"f32"> = Object.freeze({ kind: "f32" });
export const i8: ScalarType<"i8"> = Object.freeze({ kind: "i8" });
export const u8: ScalarType<"u8"> = Object.freeze({ kind: "u8" });
export const i16: ScalarType<"i16"> = Object.freeze({ kind: "i16" });
export const u16: ScalarType<"u16"> = Object.freeze({ kind: "u16" });
export const i32: ScalarType<"i32"> = Object.freeze({ kind: "i32" });
export const u32: ScalarType<"u32"> = Object.freeze({ kind: "u32" });
export const bool: ScalarType<"bool"> = Object.freeze({ kind: "bool" });
export const str: StrType = Object.freeze({ kind: "str" });
export const bytes: BytesType = Object.freeze({ kind: "bytes" });
export const mutex: MutexType = Object.freeze({ kind: "mutex" });

/**
 * A pointer to an object of type `target`, or nil; in a getter where `target` is this type or one declared below.
 *
 * @throws HeapError `ERR_TYPE` when `target` is neither a struct, an array, nor a function.
 */
export function ref<T extends object>(target: T | (() => T)): RefType<T> {
  if (typeof target !== "function" && !isObjectType(target)) {
    throw new HeapError("ERR_TYPE", `ref points to a struct or an array, not to ${describeType(target)}; str and bytes are pointers already`);
  }
  return Object.freeze({ kind: "ref", target });
}

/**
 * `length` elements inside the object, as Go's `[n]T`.
 *
 * @throws HeapError `ERR_TYPE` when `elem` cannot be an element, or `length` is not an integer from 1 to 2^24.
 */
export function fixed<T extends FieldType, const L extends number>(elem: T, length: L): FixedType<T, L> {
  checkElement(elem, "fixed");
  if (!Number.isInteger(length) || length < 1 || length > 1 << 24) {
    throw new HeapError("ERR_TYPE", `fixed takes a length from 1 to ${1 << 24}, not ${describeValue(length)}; what has no fixed length is ref(array(...))`);
  }
  return Object.freeze({ kind: "fixed", elem, length });
}

/**
 * The type of objects that hold any number of `elem`.
 *
 * @throws HeapError `ERR_TYPE` when `elem` cannot be an element.
 */
export function array<T extends FieldType>(elem: T): ArrayType<T> {
  checkElement(elem, "array");
  return Object.freeze({ kind: "array", elem });
}

/**
 * The type of objects with these fields, laid out in this order, each at a multiple of its size (as Go does it).
 *
 * @throws HeapError `ERR_TYPE` when `name` is no name or `fields` no object. The fields themselves are looked at when the type is bound.
 */
export function struct<const N extends string, F extends object>(name: N, fields: F): StructType<N, F> {
  if (typeof name !== "string" || !TYPE_NAME.test(name)) {
    throw new HeapError("ERR_TYPE", `a struct is named with a letter, then letters, digits and _ . / : - (200 at most), not ${describeValue(name)}`);
  }
  if (typeof fields !== "object" || (fields as object | null) === null || Array.isArray(fields)) {
    throw new HeapError("ERR_TYPE", `the fields of ${name} are an object of types by name, not ${describeValue(fields)}`);
  }
  return Object.freeze({ kind: "struct", name, fields });
}

export function isFieldType(value: unknown): value is FieldType {
  return typeof value === "object" && value !== null && FIELD_KINDS.has((value as { kind?: unknown }).kind);
}

export function isObjectType(value: unknown): value is ObjectType {
  if (typeof value !== "object" || value === null) return false;
  const { kind } = value as { kind?: unknown };
  return kind === "struct" || kind === "array";
}

/**
 * The type that a ref points to.
 *
 * @throws HeapError `ERR_TYPE` when it is none.
 */
export function targetOf(type: RefType<unknown>, where: string): ObjectType {
  const target: unknown = typeof type.target === "function" ? (type.target as () => unknown)() : type.target;
  if (!isObjectType(target)) throw new HeapError("ERR_TYPE", `${where} refers to ${describeType(target)}, which is neither a struct nor an array`);
  return target;
}

/** Something that should have been a type, for a message. */
export function describeType(value: unknown): string {
  if (isFieldType(value) || isObjectType(value)) return value.kind === "struct" ? `struct ${value.name}` : value.kind;
  return describeValue(value);
}

function checkElement(elem: unknown, what: string): void {
  if (isFieldType(elem) && elem.kind !== "fixed") return;
  const hint = isObjectType(elem) ? "; wrap it in ref" : "; a struct around it can be one";
  throw new HeapError("ERR_TYPE", `${what} cannot hold ${describeType(elem)}${isFieldType(elem) || isObjectType(elem) ? hint : ""}`);
}
