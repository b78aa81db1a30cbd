/**
 * What the kernels know of the records in the region: byte offsets, as constants, since they are in every load of the inner loops.
 *
 * The declarations are MSpan (packages/mspan), WorkLists and WorkRecord (src/work-record.ts). A test compares each constant here with them.
 */

// The span record: what marking needs is in its first cache line.
export const SPAN_START_ADDR: usize = 0;
export const SPAN_ELEM_SIZE: usize = 4;
export const SPAN_NELEMS: usize = 8;
export const SPAN_FREE_INDEX: usize = 12;
export const SPAN_ALLOC_CACHE: usize = 16;
export const SPAN_ALLOC_BITS: usize = 20;
export const SPAN_NEEDZERO: usize = 24;
export const SPAN_SPAN_CLASS: usize = 28;
export const SPAN_NPAGES: usize = 32;
export const SPAN_FREED_BITS: usize = 36;
export const SPAN_OWN_ALLOC_BITS: usize = 40;
export const SPAN_DIV_MAGIC: usize = 52;
export const SPAN_FREE_INDEX_FOR_SCAN: usize = 56;
export const SPAN_HEAP_BITS: usize = 60;
export const SPAN_OWN_FREED_BITS: usize = 80;
export const SPAN_ALLOC_COUNT: usize = 88;
export const SPAN_LARGE_TYPE: usize = 116;

// The lists that all markers of a heap share.
export const LISTS_FULL: usize = 0;
export const LISTS_OVERFLOW: usize = 8;
export const LISTS_EMPTY: usize = 64;

// A marker's own record.
export const WORK_LISTS: usize = 0;
export const WORK_PAGE_MAP: usize = 4;
export const WORK_MAP_PAGES: usize = 8;
export const WORK_EXCLUSIVE: usize = 12;
export const WORK_MAY_DROP: usize = 16;
export const WORK_N: usize = 20;
export const WORK_BUSY: usize = 24;
export const WORK_TOUCHED: usize = 28;
export const WORK_SCAN_WORK: usize = 32;
export const WORK_MARKED_BYTES: usize = 40;
export const WORK_MARKED_OBJECTS: usize = 48;
export const WORK_BAD_POINTERS: usize = 56;
export const WORK_LAST_BAD: usize = 60;
export const WORK_COMPRESS: usize = 64;
export const WORK_BATCH: usize = 320;
export const WORK_OTHERS: usize = 1088;
export const WORK_RESOLVED: usize = 1344;
export const WORK_QUEUE: usize = 3392;
export const WORK_FOUND: usize = 12288;
export const WORK_STACK: usize = 22592;
export const WORK_LANES: usize = 39040;
export const WORK_DEFERRED: usize = 39056;
export const WORK_HITS: usize = 39104;
export const WORK_WHITE: usize = 40128;

// A marker's area for pointers that are put off.
export const AREA_N: usize = 0;
export const AREA_AT: usize = 4;
export const AREA_END: usize = 8;
export const AREA_COUNTS: usize = 64;
export const AREA_OFF: usize = 4160;
export const AREA_SORTED: usize = 528512;

// A work buffer.
export const BUF_NEXT: usize = 0;
export const BUF_N: usize = 4;
export const BUF_ENTRIES: usize = 8;

// The part of a type record that the collector reads.
export const TYPE_KIND: usize = 4;
export const TYPE_PTR_WORDS: usize = 8;
export const TYPE_ELEM_SIZE: usize = 12;
export const TYPE_MASK: usize = 16;
