/**
 * The shape of a span, from its span class alone: how many slots, and where its bits are.
 *
 * As in Go 1.26 on 32 bits, small spans keep bits in their own last bytes, and hand out what is left:
 *
 *     objects of 16..128 B   | slot 0 | slot 1 | ... | heap bits | alloc bits 64 B | freed bits 64 B |
 *     objects of 8 B         | slot 0 | ...          | heap bits | alloc bits 128 B | freed bits 128 B |
 *     larger objects         | slot 0 | slot 1 | ...                             (bits in the record) |
 *
 * Heap bits (one per 4-byte word: does it hold a pointer?) exist for spans with pointers and objects of at most 128 B.
 * `nelems` equals Go's for every span class but those of 8-byte objects, whose bits Go keeps outside the span: 960 slots with pointers to
 * Go's 992, and 992 without pointers to 1024 (which nobody asks for: pointer-free objects below 16 bytes are tiny).
 */
import { CLASS_TO_PAGES, CLASS_TO_SIZE, MIN_SIZE_FOR_MALLOC_HEADER, NUM_SPAN_CLASSES } from "@mallocgc/sizeclass";
import { PAGE_SIZE } from "@mallocgc/sysmem";

/** Bytes of heap bits for a page of objects with pointers: one bit per 4-byte word. */
export const HEAP_BITS_PER_PAGE: number = PAGE_SIZE / 4 / 8;

/** Bytes at a span's end that hold its allocation bits and freed bits, half each; 0 when they are in the record. */
export function inlineBitsBytes(elemSize: number): number {
  if (elemSize > MIN_SIZE_FOR_MALLOC_HEADER) return 0;
  return elemSize < 16 ? 256 : 128;
}

/** Bytes, before the inline bits, that hold the heap bits of a span of `npages`; 0 when objects carry a header or no pointers. */
export function heapBitsBytes(elemSize: number, npages: number, noscan: boolean): number {
  return noscan || elemSize > MIN_SIZE_FOR_MALLOC_HEADER ? 0 : npages * HEAP_BITS_PER_PAGE;
}

function slotsOf(spanClass: number): number {
  const sizeClass = spanClass >> 1;
  if (sizeClass === 0) return 1;
  const elemSize = CLASS_TO_SIZE[sizeClass]!;
  const npages = CLASS_TO_PAGES[sizeClass]!;
  const reserve = inlineBitsBytes(elemSize) + heapBitsBytes(elemSize, npages, (spanClass & 1) === 1);
  return Math.floor((npages * PAGE_SIZE - reserve) / elemSize);
}

/** Slots of a span, by span class; 1 for the classes of large objects. */
export const SPAN_CLASS_TO_NELEMS: Int32Array = Int32Array.from({ length: NUM_SPAN_CLASSES }, (_, spc) => slotsOf(spc));
