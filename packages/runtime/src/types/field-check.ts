/**
 * Whether a value fits a field: for views always, for accessors on raw refs in development mode.
 *
 * The typed arrays under the fields take anything and cut it to their width; here it is said what is wrong instead.
 */
import { FieldError } from "../errors.ts";
import type { FieldType, IntKind } from "./declare.ts";

const RANGE: Readonly<Record<IntKind, readonly [number, number]>> = {
  i8: [-128, 127],
  u8: [0, 255],
  i16: [-32768, 32767],
  u16: [0, 65535],
  i32: [-2147483648, 2147483647],
  u32: [0, 4294967295],
};

/**
 * @param where the field, for the message: `Node.tag`
 * @throws FieldError when a field of this type cannot hold `value`. Refs are numbers here, as raw accessors take them.
 */
export function checkValue(type: FieldType, where: string, value: unknown): void {
  switch (type.kind) {
    case "f64":
      if (typeof value !== "number") throw new FieldError(where, value, "a number");
      return;
    case "f32":
      if (typeof value !== "number" || (Number.isFinite(value) && !Number.isFinite(Math.fround(value)))) {
        throw new FieldError(where, value, "a number of up to 3.4e38 (f32)");
      }
      return;
    case "bool":
      if (typeof value !== "boolean") throw new FieldError(where, value, "true or false");
      return;
    case "str":
      if (typeof value !== "string") throw new FieldError(where, value, "a string");
      return;
    case "bytes":
      if (!(value instanceof Uint8Array)) throw new FieldError(where, value, "a Uint8Array");
      return;
    case "ref":
      if (!isWhole(value, 0, 4294967295)) throw new FieldError(where, value, "a ref: the address of an object, or 0");
      return;
    case "mutex":
    case "fixed":
    case "struct":
      throw new FieldError(where, value, "no value of its own; set what is in it");
    default: {
      // No destructuring: it goes through the array's iterator, 10 ns of a view's write.
      const range = RANGE[type.kind];
      if (!isWhole(value, range[0], range[1])) throw new FieldError(where, value, `an integer from ${range[0]} to ${range[1]} (${type.kind})`);
    }
  }
}

/** @throws FieldError when `i` is no index of `length` elements. */
export function checkIndex(where: string, i: unknown, length: number): void {
  if (!isWhole(i, 0, length - 1)) throw new FieldError(`${where}'s index`, i, length === 0 ? "nothing: it is empty" : `an integer from 0 to ${length - 1}`);
}

export function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && value >= min && value <= max && Math.trunc(value) === value;
}
