/**
 * The invariants of the heap profile, as code. Given every span in use, while nobody is at work on the heap.
 *
 *     each sample that hangs on a span belongs to a bucket of the profile, for objects of that size (or to the overflow)
 *     of each bucket no more samples hang on spans than were counted and not freed; fewer only if a thread died while it took one
 *     no more is freed than was allocated, in all cycles together, and of a bucket's objects the bytes are their number times its size
 *     the list of buckets ends; the pieces of memory taken are within the bound
 */
import { KIND_PROFILE, Special } from "@mallocgc/gc";
import { MSpan, type SpanPtr } from "@mallocgc/mspan";
import type { HeapProfiler } from "./heap-profiler.ts";

const { next: NEXT, kind: KIND, bucket: BUCKET } = Special.offset;
const { specials: SPECIALS, elemSize: ELEM_SIZE } = MSpan.offset;

/** The broken invariants, in words; none when all is well. Lists of specials that lead astray are for `verifySpecials` to report, and must be whole. */
export function verifyProfile(mem: Int32Array, { counts, stacks, memory }: HeapProfiler, spans: Iterable<SpanPtr>): string[] {
  if (!counts.listIsWhole()) return ["the list of buckets leads astray"];
  const broken: string[] = [];
  const hanging = new Map<number, number>();
  const buckets = new Map(counts.totals().map((total) => [total.bucket as number, total]));
  for (const s of spans) {
    for (let special = mem[s + SPECIALS]!; special !== 0; special = mem[special + NEXT]!) {
      if (mem[special + KIND] !== KIND_PROFILE) continue;
      const bucket = mem[special + BUCKET]!;
      const total = buckets.get(bucket);
      if (total === undefined) broken.push(`the sample ${special} belongs to ${bucket}, which is no bucket`);
      else if (total.size !== mem[s + ELEM_SIZE]! >>> 0 && total.bucket !== stacks.overflow) broken.push(`the sample ${special} is of ${mem[s + ELEM_SIZE]! >>> 0} bytes, its bucket for ${total.size}`);
      hanging.set(bucket, (hanging.get(bucket) ?? 0) + 1);
    }
  }
  for (const { bucket, size, allocObjects, allocBytes, freeObjects, freeBytes } of buckets.values()) {
    const live = allocObjects - freeObjects;
    const there = hanging.get(bucket) ?? 0;
    if (there > live) broken.push(`bucket ${bucket} has ${there} samples on spans, but ${live} in its counts`);
    if (freeObjects > allocObjects || freeBytes > allocBytes) broken.push(`bucket ${bucket} has more freed, ${freeObjects} objects, than allocated, ${allocObjects}`);
    if (bucket !== stacks.overflow && (allocBytes !== allocObjects * size || freeBytes !== freeObjects * size)) broken.push(`bucket ${bucket} has ${allocBytes} bytes of ${allocObjects} objects of ${size}`);
  }
  if (memory.taken > memory.limit) broken.push(`the profile has taken ${memory.taken} bytes, its bound is ${memory.limit}`);
  return broken;
}
