/**
 * The CPU limiter: keeps a heap that is over its memory limit from doing nothing but collect. Go's `gcCPULimiter`.
 *
 * A bucket. CPU time spent on collecting flows in, CPU time left to the program flows out; it holds one second per P. Full means that more
 * than half of the time went into collecting for some while: then `limiting` is true, and assists are not asked for, until it flows out
 * again. It never goes below empty, so a quiet day earns no credit for a bad minute.
 *
 *     fill := clamp(fill + collecting - program, 0, capacity)          what does not fit is counted as overflow
 *
 * For a window of time since the last update, with P threads:
 *
 *     collecting = assists + a quarter of the window * P while a cycle runs
 *     program    = window * P - idle - collecting
 *
 * The quarter is what Go's scheduler sees to. Ours are threads that the system runs as it likes, so the heap gives what they have taken (`backgroundTime`), and the
 * quarter is for who does not measure.
 *
 * Idle time is no time of the program's: it would hide that what little the program does is mostly waiting for the collector.
 *
 * While the world is stopped for a transition everything counts as collecting. Ours does not stop: it calls `finishGCTransition` with the
 * time it gave to `startGCTransition`.
 *
 * Go's Ps add to pools that an update drains. Here each P counts its own time, ever upward, in its own record; an update is given the sums
 * and subtracts the sums it was given last: nothing is drained, so nothing is lost between threads. A sum that is smaller than the last one
 * began anew at 0: counters of a cycle will do, if their last value is given before they are cleared. One thread at a time calls what
 * writes; `limiting` and `needUpdate` are for all. Pure: time is given, in ns.
 */
import type { Ptr } from "@mallocgc/sysmem";
import { CpuLimiterRecord } from "./cpu-limiter-record.ts";
import { f64IndexOf, PacerError } from "./pacer-errors.ts";

/** CPU time in ns that the bucket holds per P. */
export const CAPACITY_PER_PROC = 1e9;
/** Time in ns after which an update is due. */
export const GC_CPU_LIMITER_UPDATE_PERIOD = 10e6;

const L = CpuLimiterRecord.offset;
const WORDS = CpuLimiterRecord.words;
const ENABLED = L.enabled >>> 1;
const FILL = L.fill >>> 1;
const CAPACITY = L.capacity >>> 1;
const OVERFLOW = L.overflow >>> 1;
const LAST_UPDATE = L.lastUpdate >>> 1;
const NPROCS = L.nprocs >>> 1;
const GC_ENABLED = L.gcEnabled >>> 1;
const TRANSITIONING = L.transitioning >>> 1;
const ASSIST_SEEN = L.assistSeen >>> 1;
const BACKGROUND_SEEN = L.backgroundSeen >>> 1;
const IDLE_SEEN = L.idleSeen >>> 1;
const LAST_ENABLED_CYCLE = L.lastEnabledCycle >>> 1;

const PER_PROC = CAPACITY_PER_PROC;
const UPDATE_PERIOD = GC_CPU_LIMITER_UPDATE_PERIOD;
/** The share of the CPUs that counts as collecting while a cycle marks. */
const BACKGROUND_UTILIZATION = 0.25;

/** What all Ps have counted since the heap began, or since the sums began anew, in ns of CPU time. */
export interface LimiterTimes {
  /** Assists, of marking and of giving pages back. */
  readonly assistTime: number;
  /** Background marking; a quarter of all time while a cycle marks, if it is not given. */
  readonly backgroundTime?: number;
  /** Ps with nothing to do, and marking that they did meanwhile. */
  readonly idleTime: number;
}

/** One region's limiter, as one thread sees it. */
export class CpuLimiter {
  private readonly f64: Float64Array;
  private readonly base: number;

  /** @throws PacerError `ERR_PACER_RECORD` when `at` is not an even word with room for the record behind it. */
  constructor(f64: Float64Array, at: Ptr) {
    this.f64 = f64;
    this.base = f64IndexOf(f64, at, WORDS, "cpu-limiter");
  }

  /** Fills in the record of a new heap, with an empty bucket. Before anybody else sees it. */
  init(now: number, nprocs: number): void {
    const { f64, base } = this;
    f64.fill(0, base, base + (WORDS >>> 1));
    f64[base + LAST_UPDATE] = now;
    f64[base + NPROCS] = nprocs;
    f64[base + CAPACITY] = nprocs * PER_PROC;
  }

  /** Whether assists are not to be asked for. */
  get limiting(): boolean {
    return this.f64[this.base + ENABLED] !== 0;
  }
  /** CPU time in the bucket. */
  get fill(): number {
    return this.f64[this.base + FILL]!;
  }
  get capacity(): number {
    return this.f64[this.base + CAPACITY]!;
  }
  /** CPU time of collecting that found the bucket full, ever. */
  get overflow(): number {
    return this.f64[this.base + OVERFLOW]!;
  }
  /** The cycle in which limiting began last; 0: never. */
  get lastEnabledCycle(): number {
    return this.f64[this.base + LAST_ENABLED_CYCLE]!;
  }

  /** Whether the last update is so long ago that one more would tell something. */
  needUpdate(now: number): boolean {
    return now - this.f64[this.base + LAST_UPDATE]! > UPDATE_PERIOD;
  }

  /** Accounts for the time since the last update. `cycle` is the number of the cycle that runs or comes next. */
  update(now: number, times: LimiterTimes, cycle: number): void {
    if (this.f64[this.base + TRANSITIONING] !== 0) throw new PacerError("ERR_LIMITER_TRANSITION", "an update during a transition: finishGCTransition comes first");
    this.account(now, times, cycle);
  }

  /**
   * Marking begins or ends; what was before counts as it was.
   *
   * @throws PacerError `ERR_LIMITER_TRANSITION` when marking is what it should become already, or the last transition is not finished.
   */
  startGCTransition(enableGC: boolean, now: number, times: LimiterTimes, cycle: number): void {
    const { f64, base } = this;
    if (f64[base + TRANSITIONING] !== 0) throw new PacerError("ERR_LIMITER_TRANSITION", "the last transition is not finished: call finishGCTransition");
    if ((f64[base + GC_ENABLED] !== 0) === enableGC) {
      throw new PacerError("ERR_LIMITER_TRANSITION", `marking is ${enableGC ? "on" : "off"} already: each beginning of a cycle is followed by its end`);
    }
    this.account(now, times, cycle);
    f64[base + GC_ENABLED] = enableGC ? 1 : 0;
    f64[base + TRANSITIONING] = 1;
  }

  /** The world goes on: all Ps' time since the start counts as collecting. @throws PacerError `ERR_LIMITER_TRANSITION` when none was started. */
  finishGCTransition(now: number, cycle: number): void {
    const { f64, base } = this;
    if (f64[base + TRANSITIONING] === 0) throw new PacerError("ERR_LIMITER_TRANSITION", "no transition was started: startGCTransition comes first");
    const stopped = now - f64[base + LAST_UPDATE]!;
    if (stopped >= 0) this.accumulate(0, stopped * f64[base + NPROCS]!, cycle);
    f64[base + LAST_UPDATE] = now;
    f64[base + TRANSITIONING] = 0;
  }

  /** There are `nprocs` Ps from now on. What is in the bucket stays, as far as it fits; what does not is no overflow. Not while a cycle marks. */
  resetCapacity(now: number, nprocs: number, times: LimiterTimes, cycle: number): void {
    const { f64, base } = this;
    this.account(now, times, cycle);
    const capacity = nprocs * PER_PROC;
    f64[base + NPROCS] = nprocs;
    f64[base + CAPACITY] = capacity;
    if (f64[base + FILL]! > capacity) {
      f64[base + FILL] = capacity;
      this.enable(cycle);
    } else if (f64[base + FILL]! < capacity) {
      f64[base + ENABLED] = 0;
    }
  }

  private account(now: number, times: LimiterTimes, cycle: number): void {
    const { f64, base } = this;
    const last = f64[base + LAST_UPDATE]!;
    // A clock reading from before the last update, by another thread: the next one covers it.
    if (now < last) return;
    const total = (now - last) * f64[base + NPROCS]!;
    const assist = growth(f64[base + ASSIST_SEEN]!, times.assistTime);
    const idle = growth(f64[base + IDLE_SEEN]!, times.idleTime);
    const measured = times.backgroundTime;
    const quarter = f64[base + GC_ENABLED] !== 0 ? Math.trunc(total * BACKGROUND_UTILIZATION) : 0;
    const background = measured === undefined ? quarter : growth(f64[base + BACKGROUND_SEEN]!, measured);
    f64[base + LAST_UPDATE] = now;
    f64[base + ASSIST_SEEN] = times.assistTime;
    if (measured !== undefined) f64[base + BACKGROUND_SEEN] = measured;
    f64[base + IDLE_SEEN] = times.idleTime;
    const collecting = assist + background;
    // The background's quarter is one of all the time, idle or not; only then idle time goes.
    this.accumulate(total - idle - collecting, collecting, cycle);
  }

  private accumulate(mutatorTime: number, gcTime: number, cycle: number): void {
    const { f64, base } = this;
    const fill = f64[base + FILL]!;
    const headroom = f64[base + CAPACITY]! - fill;
    const change = gcTime - mutatorTime;
    if (change > 0 && headroom <= change) {
      f64[base + OVERFLOW] = f64[base + OVERFLOW]! + (change - headroom);
      f64[base + FILL] = f64[base + CAPACITY]!;
      if (headroom !== 0) this.enable(cycle);
      return;
    }
    f64[base + FILL] = Math.max(fill + change, 0);
    // Exactly half and half changes nothing, whether limiting or not.
    if (change !== 0 && headroom === 0) f64[base + ENABLED] = 0;
  }

  private enable(cycle: number): void {
    this.f64[this.base + ENABLED] = 1;
    this.f64[this.base + LAST_ENABLED_CYCLE] = cycle;
  }
}

/** What was added to a sum since it was `seen`; all of it when it began anew meanwhile. */
function growth(seen: number, sum: number): number {
  return sum >= seen ? sum - seen : sum;
}
