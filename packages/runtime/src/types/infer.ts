/**
 * What TypeScript makes of a declaration: accessors, values, views and initial values, all inferred from its type.
 *
 * Everything is a conditional or mapped type over the declaration's type parameters, so nothing is looked at before it is
 * asked for: that is what lets a type refer to itself through a getter (declare.ts).
 */
import type { ArrayType, BytesType, FixedType, IntKind, MutexType, RefType, ScalarType, StrType, StructType } from "./declare.ts";
import type { BoolField, BoolItems, FloatField, FloatItems } from "./float-fields.ts";
import type { IntField, WordField } from "./int-fields.ts";
import type { IntItems, WordItems } from "./int-items.ts";
import type { MutexField, MutexItems } from "./mutex-field.ts";
import type { BytesField, BytesItems, RefField, RefItems, StrField, StrItems } from "./ref-fields.ts";
import type { Ref } from "./ref.ts";
import type { TypeInfo } from "./type-info.ts";

/** The name of a type, for its refs; an array's is a string that is not told apart. */
export type NameOf<T> = T extends StructType<infer N, unknown> ? N : string;

/** A ref to an object of type `T`, declared or bound. */
export type RefTo<T> = T extends Bound<infer D> ? Ref<NameOf<D>> : Ref<NameOf<T>>;

/** How a field of type `T` is read and written on a raw ref. */
export type AccessorOf<T> =
  T extends ScalarType<"i32" | "u32"> ? WordField
  : T extends ScalarType<IntKind> ? IntField
  : T extends ScalarType<"f32" | "f64"> ? FloatField
  : T extends ScalarType<"bool"> ? BoolField
  : T extends StrType ? StrField
  : T extends BytesType ? BytesField
  : T extends MutexType ? MutexField
  : T extends RefType<infer U> ? RefField<NameOf<U>>
  : T extends FixedType<infer E, infer L> ? FixedAccessor<E, L>
  : T extends StructType<string, infer F> ? { readonly [K in keyof F]: AccessorOf<F[K]> }
  : never;

/** How an element of type `T` is read and written, by ref and index. */
export type ItemsOf<T> =
  T extends ScalarType<"i32" | "u32"> ? WordItems
  : T extends ScalarType<IntKind> ? IntItems
  : T extends ScalarType<"f32" | "f64"> ? FloatItems
  : T extends ScalarType<"bool"> ? BoolItems
  : T extends StrType ? StrItems
  : T extends BytesType ? BytesItems
  : T extends MutexType ? MutexItems
  : T extends RefType<infer U> ? RefItems<NameOf<U>>
  : T extends StructType<string, infer F> ? { readonly [K in keyof F]: ItemsOf<F[K]> }
  : never;

/** A fixed array as a field: `Node.slots.at.get(ref, i)`. */
export interface FixedAccessor<T, L extends number = number> {
  readonly length: L;
  readonly at: ItemsOf<T>;
}

/** What is common to all bound types. `$` is in no field's name. */
export interface BoundType<T> {
  readonly $type: TypeInfo<T>;
  /** `view instanceof Node`: whether it is a view of an object of this type, in this heap. */
  [Symbol.hasInstance](value: unknown): value is View<T>;
}

/** A bound array: `Nodes.at.get(ref, i)`, `Nodes.length(ref)`. */
export interface BoundArray<T> extends BoundType<ArrayType<T>> {
  readonly at: ItemsOf<T>;
  length(ref: number): number;
}

/** A type of a heap: its accessors by field name. */
export type Bound<T> =
  T extends StructType<string, infer F> ? { readonly [K in keyof F]: AccessorOf<F[K]> } & BoundType<T>
  : T extends ArrayType<infer E> ? BoundArray<E>
  : never;

/** A mutex as the property of a view. */
export interface Mutex {
  /** @throws HeapError `ERR_MUTEX` when this thread holds it, may not sleep, or waited for `timeoutMs`. */
  lock(timeoutMs?: number): void;
  tryLock(): boolean;
  unlock(): void;
  with<R>(fn: () => R): R;
  lockAsync(timeoutMs?: number): Promise<void>;
}

/** An array object, or a fixed array in an object, as a value. Indexes are checked. */
export interface Items<T> extends Iterable<ValueOf<T>> {
  /** The object that holds the elements. */
  readonly $ref: number;
  readonly length: number;
  at(i: number): ValueOf<T>;
  set(i: number, value: ValueOf<T>): void;
  toJSON(): unknown[];
}

/** What a property of a view gives and takes. */
export type ValueOf<T> =
  T extends ScalarType<"bool"> ? boolean
  : T extends ScalarType ? number
  : T extends StrType ? string
  : T extends BytesType ? Uint8Array
  : T extends MutexType ? Mutex
  : T extends RefType<infer U> ? View<U> | null
  : T extends FixedType<infer E, number> ? Items<E>
  : T extends StructType<string, unknown> ? View<T>
  : never;

/** An object of type `T` (declared or bound) as a JavaScript object. */
export type View<T> =
  T extends StructType<infer N, infer F> ? { -readonly [K in keyof F]: ValueOf<F[K]> } & { readonly $ref: Ref<N> }
  : T extends ArrayType<infer E> ? Items<E>
  : T extends BoundType<infer D> ? View<D>
  : never;

/** What an initial value of a field may be: structs and fixed arrays from plain objects and arrays. */
export type InitOf<T> =
  T extends MutexType ? never
  : T extends FixedType<infer E, number> ? ArrayLike<InitOf<E>> | Items<E>
  : T extends StructType<string, unknown> ? Init<T>
  : ValueOf<T>;

/** What an object is made with: any of its fields, the others are zero; an array from its elements, or from their number. */
export type Init<T> =
  T extends StructType<string, infer F> ? { readonly [K in keyof F]?: InitOf<F[K]> }
  : T extends ArrayType<infer E> ? number | ArrayLike<InitOf<E>> | Items<E>
  : never;
