/**
 * From a size to its class, and from an offset in a span to its object.
 *
 *     size    1 ................ 1016 | 1017 ................ 32768
 *     table   SIZE_TO_CLASS8          | SIZE_TO_CLASS128
 *     entry   ceil(size / 8)          | ceil((size - 1024) / 128)
 *
 * Two tables of 129 + 249 bytes, because every class up to 1024 is a multiple of 8 and every larger one a multiple of
 * 128. The index of an object is a multiplication: `offset * divMagic / 2^32`. The largest product over all classes is
 * below 2^44, so a Number holds it exactly.
 *
 * Hot code may read the tables itself; they are to be read only. Functions say whether they check what they are given.
 */
import { SizeClassError } from "./errors.ts";
import { LARGE_SIZE_DIV, SMALL_SIZE_DIV, SMALL_SIZE_MAX, divMagicOf, fillLookup } from "./generate.ts";
import { CLASS_TO_SIZE, MAX_SMALL_SIZE } from "./table.ts";

/** A size class, 0 to 67; 0 stands for large objects. */
export type SizeClass = number & { readonly __sizeClass: never };

/** Bytes of the header before an object with pointers that is too large for heap bits in its span. */
export const MALLOC_HEADER_SIZE = 8;
/** Objects with pointers up to this size, inclusive, have heap bits in the span; larger ones have the header. */
export const MIN_SIZE_FOR_MALLOC_HEADER = 128;

/** The multiplier that divides an offset by the size of a class: floor((2^32 - 1) / size) + 1; 0 for class 0. All are below 2^30. */
export const CLASS_TO_DIV_MAGIC: Int32Array = /* @__PURE__ */ CLASS_TO_SIZE.map((size) => (size === 0 ? 0 : divMagicOf(size)));

/** Size class by ceil(size / 8), for sizes up to 1016. */
export const SIZE_TO_CLASS8: Uint8Array = /* @__PURE__ */ lookupTable(0, SMALL_SIZE_DIV, SMALL_SIZE_MAX);
/** Size class by ceil((size - 1024) / 128), for sizes from 1017 to 32768. */
export const SIZE_TO_CLASS128: Uint8Array = /* @__PURE__ */ lookupTable(SMALL_SIZE_MAX, LARGE_SIZE_DIV, MAX_SMALL_SIZE);

const CLASS8 = SIZE_TO_CLASS8;
const CLASS128 = SIZE_TO_CLASS128;
const LAST_BY_8: number = SMALL_SIZE_MAX - SMALL_SIZE_DIV;
const MAX_SMALL = MAX_SMALL_SIZE;
const TWO_TO_MINUS_32 = 2 ** -32;
const PAGE_BYTES = 8192;

/**
 * The smallest class whose objects hold `size` bytes. Checked, which costs below 1 ns.
 *
 * @throws SizeClassError `ERR_SIZE` when `size` is not an integer from 1 to 32768.
 */
export function sizeToClass(size: number): SizeClass {
  const sizeClass = size <= LAST_BY_8 ? CLASS8[(size + 7) >> 3] : CLASS128[(size - 897) >> 7];
  // Below 1 the entry is 0 or none, above 32768 there is none; what is no 32-bit integer could hit a wrong entry.
  if (!sizeClass || size !== (size | 0)) return badSize(size);
  return sizeClass as SizeClass;
}

/**
 * The bytes that an allocation of `size` can use, as Go's `roundupsize` on a machine with pointers of 4 bytes: the size
 * of its class, less the 8-byte header that objects with pointers (`noscan` false) above 128 bytes begin with; above
 * 32760 bytes, whole pages. For 0 it is 0.
 *
 * @throws SizeClassError `ERR_SIZE` when `size` is not a safe integer from 0 on.
 */
export function roundupsize(size: number, noscan: boolean): number {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new SizeClassError("ERR_SIZE", `a size is an integer from 0 on, not ${String(size)}`);
  }
  if (size > MAX_SMALL - MALLOC_HEADER_SIZE) return Math.ceil(size / PAGE_BYTES) * PAGE_BYTES;
  if (size === 0) return 0;
  const header = !noscan && size > MIN_SIZE_FOR_MALLOC_HEADER ? MALLOC_HEADER_SIZE : 0;
  return CLASS_TO_SIZE[sizeToClass(size + header)]! - header;
}

/**
 * Which object of a span the byte at `offset` belongs to: offset / size, rounded down, where `divMagic` is
 * `CLASS_TO_DIV_MAGIC` of the class. Exact from 0 to the length of the span, unchecked.
 */
export function objectIndex(offset: number, divMagic: number): number {
  return (offset * divMagic * TWO_TO_MINUS_32) | 0;
}

function lookupTable(from: number, step: number, to: number): Uint8Array {
  const table = new Uint8Array((to - from) / step + 1);
  fillLookup(table, CLASS_TO_SIZE, from, step);
  return table;
}

function badSize(size: number): never {
  throw new SizeClassError("ERR_SIZE", `the size of a small object is an integer from 1 to ${MAX_SMALL}, not ${String(size)}`);
}
