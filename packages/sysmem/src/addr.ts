/**
 * The numbers that point into a region, kept apart by their types at no cost at run time.
 *
 * An `Addr` is a byte offset from the start of the region (0 is nil); it is what a program holds. A `Ptr` is the index
 * of a 32-bit word in the region's Int32Array; it is how this project's own records refer to each other, because a word
 * index stays below 2^30 and so is a small integer in every engine, also in a region of 4 GiB.
 */

/** Byte offset into the region; 0 is nil. Below 2^32. */
export type Addr = number & { readonly __addr: never };

/** Index of a 32-bit word in the region; 0 is nil. Below 2^30. */
export type Ptr = number & { readonly __ptr: never };

/** A page of the heap, counted from the start of the region (8 KiB each). */
export type PageIndex = number & { readonly __page: never };

/** Go's page: 8 KiB. The unit of spans; an OS page is usually 4 KiB. */
export const PAGE_SHIFT = 13;
/** Bytes of a heap page. */
export const PAGE_SIZE: number = 1 << PAGE_SHIFT;

/** The word index of a 4-byte-aligned address. */
export function ptrOf(addr: number): Ptr {
  return (addr >>> 2) as Ptr;
}

/** The address of a word. */
export function addrOf(ptr: number): Addr {
  return ((ptr << 2) >>> 0) as Addr;
}

/** `n` rounded up to a multiple of `align`, a power of two; exact below 2^53. */
export function alignUp(n: number, align: number): number {
  return Math.ceil(n / align) * align;
}
