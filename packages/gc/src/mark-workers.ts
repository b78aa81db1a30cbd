/**
 * How many threads mark, as Go decides it: a quarter of the Ps.
 *
 *   dedicated    mark and do nothing else until the cycle ends
 *   fractional   where whole threads would miss the quarter by more than 30 %: each other P marks for a share of its time
 *   idle         a P with nothing to do marks; as many at once as are allowed
 *
 *   Ps           1-3      4, 5   6            7-9   10-13   14-16
 *   dedicated    0        1      1            2     3       4
 *   fractional   0.25     0      0.08333      0     0       0
 *
 * The count of idle markers and its bound are one word, so that both are seen together. The bound stops new markers, it sends none away: it
 * may be lowered below the count, which then falls by itself.
 */
import type { Ptr } from "@mallocgc/sysmem";
import { PacerError } from "./pacer-errors.ts";

const UTILIZATION = 0.25;
/** How far, as a share, a number of whole threads may be off the goal. */
const MAX_UTILIZATION_ERROR = 0.3;
/** How far over its share a fractional marker goes on once it runs. */
const FRACTIONAL_OVERRUN = 1.2;

/** Who marks in the background. */
export interface MarkWorkers {
  /** Threads that do nothing else. */
  readonly dedicated: number;
  /** The share of its time that each other P marks; 0 when the dedicated ones are enough. */
  readonly fractional: number;
}

/**
 * Who marks in the background when there are `procs` Ps.
 *
 * @throws PacerError `ERR_MARK_WORKERS` when `procs` is not a whole number from 1 on.
 */
export function markWorkersFor(procs: number): MarkWorkers {
  if (!Number.isInteger(procs) || procs < 1) throw new PacerError("ERR_MARK_WORKERS", `procs is a whole number from 1 on, not ${String(procs)}`);
  const goal = procs * UTILIZATION;
  const nearest = Math.floor(goal + 0.5);
  if (Math.abs(nearest / goal - 1) <= MAX_UTILIZATION_ERROR) return { dedicated: nearest, fractional: 0 };
  const dedicated = nearest > goal ? nearest - 1 : nearest;
  return { dedicated, fractional: (goal - dedicated) / procs };
}

/**
 * How many idle markers may run at once. A periodic cycle means that the program rests: it gets none, or one where nobody else is sure to
 * come.
 */
export function maxIdleMarkWorkers(procs: number, dedicated: number, periodic: boolean): number {
  if (!periodic) return procs - dedicated;
  return dedicated > 0 ? 0 : 1;
}

/** Whether a P that marked for `selfTime` of the `elapsed` ns since marking began is to mark again. */
export function fractionalWorkerDue(utilizationGoal: number, selfTime: number, elapsed: number): boolean {
  return utilizationGoal > 0 && !(elapsed > 0 && selfTime / elapsed > utilizationGoal);
}

/** Whether a P that is marking has done its share; somewhat later than it would begin, so that it does not switch all the time. */
export function fractionalWorkerSpent(utilizationGoal: number, selfTime: number, elapsed: number): boolean {
  return elapsed <= 0 || selfTime / elapsed > FRACTIONAL_OVERRUN * utilizationGoal;
}

/** Low half: markers now; high half: how many there may be. */
const COUNT_MASK = 0xffff;
const MAX_SHIFT = 16;
/** The most that either half holds; the word stays positive. */
const MAX_WORKERS = 0x7fff;

/** The idle markers of one heap: a word of the region. Any thread may call anything. */
export class IdleMarkWorkers {
  private readonly mem: Int32Array;
  private readonly word: Ptr;

  constructor(mem: Int32Array, word: Ptr) {
    this.mem = mem;
    this.word = word;
  }

  /** How many mark now. May be above the bound for a while after that was lowered. */
  get count(): number {
    // Pairs with nothing: out of date as soon as it is read.
    return Atomics.load(this.mem, this.word) & COUNT_MASK;
  }

  /** Whether one more may begin. A hint; {@link add} decides. */
  get needed(): boolean {
    // Pairs with nothing, as above.
    const word = Atomics.load(this.mem, this.word);
    return (word & COUNT_MASK) < word >> MAX_SHIFT;
  }

  /** Takes a place. Who gets true marks, and gives the place back with {@link remove}. */
  add(): boolean {
    for (;;) {
      const old = Atomics.load(this.mem, this.word);
      if ((old & COUNT_MASK) >= old >> MAX_SHIFT) return false;
      // Pairs with the other exchanges here: one of two that take the last place fails, looks again and sees it taken.
      if (Atomics.compareExchange(this.mem, this.word, old, old + 1) === old) return true;
    }
  }

  /** Gives a place back. @throws PacerError `ERR_MARK_WORKERS` when nobody holds one. */
  remove(): void {
    for (;;) {
      const old = Atomics.load(this.mem, this.word);
      if ((old & COUNT_MASK) === 0) throw new PacerError("ERR_MARK_WORKERS", "no idle marker is at work: remove() follows an add() that returned true");
      // Pairs with the exchange in add.
      if (Atomics.compareExchange(this.mem, this.word, old, old - 1) === old) return;
    }
  }

  /** Sets how many there may be. @throws PacerError `ERR_MARK_WORKERS` when that is not a whole number from 0 to 32767. */
  setMax(max: number): void {
    if (!Number.isInteger(max) || max < 0 || max > MAX_WORKERS) throw new PacerError("ERR_MARK_WORKERS", `idle markers are a whole number from 0 to ${MAX_WORKERS}, not ${String(max)}`);
    for (;;) {
      const old = Atomics.load(this.mem, this.word);
      // Pairs with the exchanges in add and remove: the count is carried over, never lost.
      if (Atomics.compareExchange(this.mem, this.word, old, (max << MAX_SHIFT) | (old & COUNT_MASK)) === old) return;
    }
  }
}
