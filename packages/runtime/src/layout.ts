/** Where everything lies in a heap, as data: for tools that draw, read or document one. */
import type { PlacedTable, RecordLayout } from "@mallocgc/sysmem";
import { HEAP_RECORDS, planHeap } from "./layers.ts";
import { resolveOptions, type HeapOptions } from "./options.ts";

/** The tables and records of a heap made with certain options. */
export interface HeapLayout {
  /** Bytes of the region. */
  readonly maxBytes: number;
  /** The fixed tables in address order. */
  readonly tables: readonly PlacedTable[];
  /** First byte after them. The heap's pages begin at the next multiple of 8192. */
  readonly end: number;
  /** The records that the tables, and the upper end of the region, consist of. */
  readonly records: readonly RecordLayout[];
}

/**
 * The layout of a heap that `createHeap` would make with these options. No heap is made.
 *
 * @throws HeapError `ERR_OPTION` as `createHeap`.
 */
export function heapLayout(options: HeapOptions = {}): HeapLayout {
  const config = resolveOptions(options);
  const { tables, end } = planHeap(config);
  return { maxBytes: config.maxBytes, tables, end, records: HEAP_RECORDS };
}
