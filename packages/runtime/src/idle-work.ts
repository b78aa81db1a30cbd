/**
 * What a heap without background threads does when this thread has nothing else to do: a cycle goes on, free memory goes back.
 *
 *      between turns     a batch of the scavenger's, if one is due: a millisecond, a hundredth of the time
 *      idle              the same by a timer, which is set only while there is something to do, and keeps no process alive
 *
 * A thread that never comes back to its event loop, and ends no turn, does neither.
 */

/** setTimeout's longest. */
const LONGEST_MS = 0x7fffffff;

/** What there is to do. */
export interface IdleTasks {
  /** Does what is due, bounded. */
  run(): void;
  /** In how many ms there is more to do; Infinity: nothing, until a turn has ended again. */
  next(): number;
}

/** One thread's idle time. */
export class IdleWork {
  private readonly tasks: IdleTasks;
  private timer: unknown;
  private stopped = false;

  constructor(tasks: IdleTasks) {
    this.tasks = tasks;
    this.timer = undefined;
  }

  /** Sets the timer if there is something to do later; after a turn. */
  plan(): void {
    if (this.timer !== undefined || this.stopped) return;
    const ms = this.tasks.next();
    if (ms === Infinity) return;
    const timer = setTimeout(() => {
      this.timer = undefined;
      this.tasks.run();
      this.plan();
    }, Math.min(ms, LONGEST_MS)) as { unref?(): void } | number;
    if (typeof timer === "object") timer.unref?.();
    this.timer = timer;
  }

  /** This thread leaves the heap. */
  stop(): void {
    this.stopped = true;
    if (this.timer !== undefined) clearTimeout(this.timer as number);
  }
}
