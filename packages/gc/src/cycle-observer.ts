/**
 * Who is told how a cycle goes, because what it does about free memory depends on it: the scavenger, which this package does not know.
 *
 *     marked   ──►  paced  ──►  (sweep)  ──►  swept           paced also whenever a setting has changed
 *
 * All calls come from the thread in the driver's seat.
 */
import type { CyclePages } from "./cycle-log.ts";

export interface CycleObserver {
  /** Marking is over and nothing is swept yet: this is when the most pages are in use. */
  marked(): void;
  /** There is a new goal, in bytes that live; the last cycle's was `lastHeapGoal`, 0 before the first. */
  paced(heapGoal: number, lastHeapGoal: number): void;
  /** All is swept: what is free now is free until the next cycle. Returns how the pages stand, for the log. */
  swept(): CyclePages;
}
