/**
 * What grows: the difference of two heap profiles, by stack.
 *
 * In use of one profile less in use of the other, estimated from the samples as Go's pprof does: an object of n bytes is sampled with probability 1 - exp(-n / rate), and
 * counts for as many as that says. Sorted by growth in bytes, the largest first; what did not grow is left out.
 */
import { frameKey, type Frame } from "./frame.ts";
import type { HeapProfile, MemProfileRecord } from "./mem-profile.ts";

/** Growth under one stack, of all sizes, by all threads that have the stack. */
export interface Leak {
  /** Innermost first. */
  readonly stack: readonly Frame[];
  /** Estimated bytes and objects that are in use now and were not before. */
  readonly bytes: number;
  readonly objects: number;
}

/** What is in use in `now` and was not in `since`; all that is in use without that. */
export function leaksBetween(now: HeapProfile, since?: HeapProfile): Leak[] {
  const growth = new Map<string, { stack: readonly Frame[]; bytes: number; objects: number }>();
  const add = ({ records, rate }: HeapProfile, sign: 1 | -1): void => {
    for (const record of records) {
      const key = record.stack.map(frameKey).join("\n");
      let sums = growth.get(key);
      if (sums === undefined) growth.set(key, (sums = { stack: record.stack, bytes: 0, objects: 0 }));
      const scale = sign * scaleOf(record, rate);
      sums.bytes += scale * (record.allocBytes - record.freeBytes);
      sums.objects += scale * (record.allocObjects - record.freeObjects);
    }
  };
  add(now, 1);
  if (since !== undefined) add(since, -1);
  return [...growth.values()].filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes);
}

/** How many objects one sample stands for. */
function scaleOf({ allocObjects, allocBytes }: MemProfileRecord, rate: number): number {
  return rate <= 1 || allocObjects === 0 ? 1 : 1 / (1 - Math.exp(-allocBytes / allocObjects / rate));
}
