/** What each size class holds, counted by walking all spans: exact while no other thread is at work. */
import { CLASS_TO_SIZE, NUM_SIZE_CLASSES } from "@mallocgc/sizeclass";
import { PAGE_SIZE } from "@mallocgc/sysmem";
import { allSpans } from "./all-spans.ts";
import type { Layers } from "./layers.ts";

/** What one size class holds now. */
export interface SizeClassStats {
  /** 0 stands for large objects. */
  readonly sizeClass: number;
  /** Bytes of a slot; 0 for large objects. */
  readonly size: number;
  readonly spans: number;
  /** Bytes of its spans. */
  readonly spanBytes: number;
  readonly objects: number;
  /** Bytes of its live objects, by slot size. */
  readonly objectBytes: number;
}

/** Walks all spans and adds them up by size class, those with no span left out. */
export function sizeClassStats(layers: Layers): SizeClassStats[] {
  const { spans, freed } = layers;
  const rows = Array.from({ length: NUM_SIZE_CLASSES }, (_, i) => ({ sizeClass: i, size: CLASS_TO_SIZE[i]!, spans: 0, spanBytes: 0, objects: 0, objectBytes: 0 }));
  for (const s of allSpans(layers)) {
    const row = rows[spans.spanClass(s) >> 1]!;
    const live = spans.countHandedOut(s) - freed.pending(s);
    row.spans++;
    row.spanBytes += spans.npages(s) * PAGE_SIZE;
    row.objects += live;
    row.objectBytes += live * spans.elemSize(s);
  }
  return rows.filter((row) => row.spans > 0);
}
