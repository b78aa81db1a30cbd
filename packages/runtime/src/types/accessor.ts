/**
 * From a field's type and place to its accessor.
 *
 * A struct inside an object is a group of accessors, each with the outer offset added; a struct as an element likewise, with
 * the outer stride. So there is never more than one addition to do, however deep a field is. A fixed array or an array object has
 * `at`: the accessor (or group) of its elements, by ref and index.
 */
import type { Bytes } from "./bytes.ts";
import { checkedAccessor, type Place } from "./checked.ts";
import type { FieldType, FixedType, StructType } from "./declare.ts";
import { BoolField, BoolItems, F32Field, F32Items, F64Field, F64Items } from "./float-fields.ts";
import { I16Field, I32Field, I8Field, U16Field, U32Field, U8Field } from "./int-fields.ts";
import { I16Items, I32Items, I8Items, U16Items, U32Items, U8Items } from "./int-items.ts";
import { layoutOf, sizeOf } from "./layout.ts";
import { MutexField, MutexItems } from "./mutex-field.ts";
import type { ObjectHeap } from "./object-heap.ts";
import { BytesField, BytesItems, RefField, RefItems, StrField, StrItems } from "./ref-fields.ts";
import type { Strings } from "./strings.ts";

/** What accessors of one heap share. */
export interface AccessorContext {
  readonly heap: ObjectHeap;
  readonly strings: Strings;
  readonly bytes: Bytes;
}

/** Accessors by field name: of a struct. */
export type AccessorGroup = Readonly<Record<string, object>>;

/** The accessor of a fixed array. */
export interface FixedGroup {
  readonly length: number;
  readonly at: object;
}

/** The accessor of a field, or of elements if the place has a stride. */
export function accessorOf(context: AccessorContext, type: FieldType, place: Place): object {
  if (type.kind === "struct") return groupOf(context, type, place);
  if (type.kind === "fixed") return fixedOf(context, type, place);
  const accessor = place.stride > 0 ? itemsOf(context, type, place) : fieldOf(context, type, place.offset);
  return context.heap.checks ? checkedAccessor(context.heap, accessor, type, place) : accessor;
}

/** The accessors of a struct's fields, the struct being at `place`. */
export function groupOf(context: AccessorContext, type: StructType<string, object>, place: Place): AccessorGroup {
  const group: Record<string, object> = {};
  for (const field of layoutOf(type).fields) {
    const inner = { ...place, where: `${place.where}.${field.name}`, offset: place.offset + field.offset };
    group[field.name] = accessorOf(context, field.type, inner);
  }
  return group;
}

function fixedOf(context: AccessorContext, type: FixedType<unknown, number>, place: Place): FixedGroup {
  const elem = type.elem as FieldType;
  return { length: type.length, at: accessorOf(context, elem, { ...place, stride: sizeOf(elem), count: type.length }) };
}

type Simple = Exclude<FieldType, StructType<string, object> | FixedType<unknown, number>>;

function fieldOf({ heap, strings, bytes }: AccessorContext, type: Simple, offset: number): object {
  const { region } = heap;
  switch (type.kind) {
    case "i8":
      return new I8Field(region.i8, offset);
    case "u8":
      return new U8Field(region.u8, offset);
    case "i16":
      return new I16Field(region.i16, offset);
    case "u16":
      return new U16Field(region.u16, offset);
    case "i32":
      return new I32Field(heap, region.i32, offset);
    case "u32":
      return new U32Field(heap, region.u32, offset);
    case "f32":
      return new F32Field(region.f32, offset);
    case "f64":
      return new F64Field(region.f64, offset);
    case "bool":
      return new BoolField(region.u8, offset);
    case "ref":
      return new RefField(heap, offset);
    case "str":
      return new StrField(heap, strings, offset);
    case "bytes":
      return new BytesField(heap, bytes, offset);
    case "mutex":
      return new MutexField(heap, offset);
  }
}

function itemsOf({ heap, strings, bytes }: AccessorContext, type: Simple, { offset, stride }: Place): object {
  const { region } = heap;
  switch (type.kind) {
    case "i8":
      return new I8Items(region.i8, new I8Field(region.i8, offset), stride);
    case "u8":
      return new U8Items(region.u8, new U8Field(region.u8, offset), stride);
    case "i16":
      return new I16Items(region.i16, new I16Field(region.i16, offset), stride);
    case "u16":
      return new U16Items(region.u16, new U16Field(region.u16, offset), stride);
    case "i32":
      return new I32Items(region.i32, new I32Field(heap, region.i32, offset), stride);
    case "u32":
      return new U32Items(region.u32, new U32Field(heap, region.u32, offset), stride);
    case "f32":
      return new F32Items(region.f32, offset, stride);
    case "f64":
      return new F64Items(region.f64, offset, stride);
    case "bool":
      return new BoolItems(region.u8, offset, stride);
    case "ref":
      return new RefItems(heap, offset, stride);
    case "str":
      return new StrItems(new StrField(heap, strings, offset), stride);
    case "bytes":
      return new BytesItems(new BytesField(heap, bytes, offset), stride);
    case "mutex":
      return new MutexItems(new MutexField(heap, offset), stride);
  }
}
