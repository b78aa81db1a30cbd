/**
 * Waiting for a word of the heap to change, inside a turn and outside.
 *
 * A thread that sleeps inside a turn cannot take notice of the collector's phase, and the collector waits for it. So sleep
 * comes in slices; between two of them the thread polls. A wake-up that falls into such a gap finds nobody asleep; but who
 * wakes others changes the word first, and the next slice then ends at once, since the word is no longer as expected.
 */
import { HeapError } from "../errors.ts";
import type { ObjectHeap } from "./object-heap.ts";

/** `ok`: notified. `not-equal`: the word was not, or is no longer, as expected. */
export type WaitResult = "ok" | "not-equal" | "timed-out";

/** The longest single sleep inside a turn: as long may a sleeping thread hold up the collector's next phase. */
const SLICE_MS = 10;
/** The longest single wait outside of one: after it the word is read again, in case the wake-up went to a thread that died. */
const ASYNC_SLICE_MS = 100;

/** @throws HeapError `ERR_MUTEX` where this thread may not sleep, or the memory has one thread only. */
export function waitForWord(heap: ObjectHeap, index: number, expected: number, timeoutMs: number): WaitResult {
  const mem = heap.region.i32;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const left = deadline - performance.now();
    const slice = left < SLICE_MS ? Math.max(left, 0) : SLICE_MS;
    let result: WaitResult;
    try {
      // Pairs with notifyWord, and with the notify of a mutex's unlock.
      result = Atomics.wait(mem, index, expected, slice);
    } catch (cause) {
      throw new HeapError("ERR_MUTEX", "this thread may not sleep (a browser's main thread, or a heap with shared: false); use the Async form", { cause });
    }
    if (result !== "timed-out" || left <= SLICE_MS) return result;
    heap.poll();
  }
}

/** @throws HeapError `ERR_MUTEX` when the memory has one thread only, or the engine has no `Atomics.waitAsync`. */
export async function waitForWordAsync(heap: ObjectHeap, index: number, expected: number, timeoutMs: number): Promise<WaitResult> {
  const mem = heap.region.i32;
  if (!heap.region.shared) throw new HeapError("ERR_MUTEX", "a heap with shared: false has one thread, so nobody can wake it");
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const left = deadline - performance.now();
    const slice = left < ASYNC_SLICE_MS ? Math.max(left, 0) : ASYNC_SLICE_MS;
    // Pairs as in waitForWord.
    const { value } = Atomics.waitAsync(mem, index, expected, slice);
    // What only waits so does not keep Node's event loop going: without a timer a program would end while it waits for a lock.
    const alive = setTimeout(() => undefined, slice);
    const result = await value;
    clearTimeout(alive);
    if (result !== "timed-out" || left <= ASYNC_SLICE_MS) return result;
  }
}

export function notifyWord(heap: ObjectHeap, index: number, count: number): number {
  // Pairs with the waits above.
  return Atomics.notify(heap.region.i32, index, count);
}
