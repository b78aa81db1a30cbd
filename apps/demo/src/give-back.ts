/**
 * What happens to memory that nothing needs any more, when the program does nothing about it: the heap's background thread gives it back, at 1 % of one core.
 *
 * It begins with a collection, as a program at work would soon have one: chunks of pages that were dense when the last marking ended are spared until the
 * next one ends (Go's rule, lest memory goes back that is about to be used again), and the marking that found the index dead saw all of it.
 */
import type { Heap } from "@mallocgc/runtime";
import type { MemorySample, MemorySeries } from "./report/memory-series.ts";

const LINE_MS = 1000;
/** Lines without a change after which no more is to be expected, when not all is back. The pacing rests longer on a busy machine, where work takes longer. */
const QUIET_LINES = 2;

/**
 * Watches for that many seconds at most, or until a second in which nothing goes back because all is back, or two in which nothing does. `onSecond` gets the memory at the
 * beginning, and then once a second.
 */
export async function watchGiveBack(heap: Heap, series: MemorySeries, seconds: number, onSecond: (sample: MemorySample) => void): Promise<void> {
  let last = series.look();
  onSecond(last);
  await heap.gc();
  let quiet = 0;
  for (let second = 1; second <= seconds && quiet < (last.heapReleased < last.heapIdle ? QUIET_LINES : 1); second++) {
    await new Promise<void>((done) => setTimeout(done, LINE_MS));
    const sample = series.look();
    onSecond(sample);
    quiet = sample.heapReleased > last.heapReleased ? 0 : quiet + 1;
    last = sample;
  }
}
