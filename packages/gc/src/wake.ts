/** Waking the threads that serve a heap in the background: they sleep on the word `wake`. */
import type { Ptr } from "@mallocgc/sysmem";
import { GcRecord } from "./gc-record.ts";

const { wake: WAKE } = GcRecord.offset;

/** Has all of them look for work. `gc` is the collector's record. */
export function wakeWorkers(mem: Int32Array, gc: Ptr): void {
  // Pairs with the load before the sleep: who has loaded the word before this does not fall asleep on it.
  Atomics.add(mem, gc + WAKE, 1);
  Atomics.notify(mem, gc + WAKE);
}
