/**
 * Span classes: a size class, and whether its objects hold pointers.
 *
 *     spanClass = sizeClass << 1 | noscan        136 of them; 0 and 1 are large objects, 5 holds the tiny blocks
 *
 * Objects with and without pointers never share a span, so that a collector can leave whole spans unread. Where a span
 * keeps its metadata inside itself, fewer objects fit than `span / size` (Go 1.26 on GOARCH=386, pointers of 4 bytes):
 *
 *     | object | object | ...                        | heap bits                   | inline bits |
 *     |<-- nelems * size -->|  (tail)                | 256 B per page, one bit per | 128 B       |
 *                                                    | word; scan, <= 128 B only   | 16..128 B   |
 */
import { SizeClassError } from "./errors.ts";
import { MIN_SIZE_FOR_MALLOC_HEADER, type SizeClass } from "./lookup.ts";
import { CLASS_TO_PAGES, CLASS_TO_SIZE, NUM_SIZE_CLASSES } from "./table.ts";

/** A span class, 0 to 135: see {@link makeSpanClass}. */
export type SpanClass = number & { readonly __spanClass: never };

/** How many span classes there are: each size class with and without pointers. */
export const NUM_SPAN_CLASSES = 136;
/** Bytes of a tiny block, in which several pointer-free objects of less than this share a slot. */
export const TINY_SIZE = 16;
/** The size class of tiny blocks. */
export const TINY_SIZE_CLASS: SizeClass = 2 as SizeClass;
/** The span class of tiny blocks: size class 2, no pointers. */
export const TINY_SPAN_CLASS: SpanClass = 5 as SpanClass;

const PAGE_BYTES = 8192;
const INLINE_BITS_BYTES = 128;
const INLINE_BITS_MIN_SIZE = 16;
const HEAP_BITS_BYTES_PER_PAGE: number = PAGE_BYTES / 4 / 8;

/** The span class of a size class, without (`noscan`) or with pointers. Unchecked. */
export function makeSpanClass(sizeClass: SizeClass, noscan: boolean): SpanClass {
  return ((sizeClass << 1) | (noscan ? 1 : 0)) as SpanClass;
}

/** The size class of a span class. Unchecked. */
export function sizeClassOf(spanClass: SpanClass): SizeClass {
  return (spanClass >> 1) as SizeClass;
}

/** Whether objects of a span class are free of pointers. Unchecked. */
export function isNoscan(spanClass: SpanClass): boolean {
  return (spanClass & 1) !== 0;
}

/**
 * How many objects a span of a size class has, as Go 1.26 makes it on GOARCH=386 with the Green Tea collector: what is
 * left after the metadata inside the span.
 *
 * @throws SizeClassError `ERR_SIZE_CLASS` when `sizeClass` is not 1 to 67.
 */
export function nelemsOf(sizeClass: SizeClass, noscan: boolean): number {
  if (!Number.isInteger(sizeClass) || sizeClass < 1 || sizeClass >= NUM_SIZE_CLASSES) {
    throw new SizeClassError("ERR_SIZE_CLASS", `a size class of small objects is 1 to ${NUM_SIZE_CLASSES - 1}, not ${String(sizeClass)}`);
  }
  const size = CLASS_TO_SIZE[sizeClass]!;
  const pages = CLASS_TO_PAGES[sizeClass]!;
  let reserved = 0;
  if (size <= MIN_SIZE_FOR_MALLOC_HEADER) {
    if (size >= INLINE_BITS_MIN_SIZE) reserved += INLINE_BITS_BYTES;
    if (!noscan) reserved += pages * HEAP_BITS_BYTES_PER_PAGE;
  }
  return Math.floor((pages * PAGE_BYTES - reserved) / size);
}
