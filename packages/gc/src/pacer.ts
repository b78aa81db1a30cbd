/**
 * The pacer: when a collection begins, how large the heap may be when it ends, and how much of the marking an allocating thread must do
 * itself so that it ends in time. Go's (1.26), figure for figure; `gcControllerState` there.
 *
 *      marked          trigger                 goal
 *        |───────────────|───── runway ──────────|────────────►  live bytes
 *        last cycle      next cycle begins       next cycle should be over
 *
 * **Goal.** What was marked, plus `gcPercent` percent of what has to be scanned (that, the stacks and the globals), and at least
 * `heapMinimum`. A memory limit gives a goal of its own: what the limit leaves after everything that is not heap, less some headroom. The
 * smaller of the two counts. Only the goal by growth is ever pushed up: far enough for the sweep to end before the next cycle, and for a
 * cycle that began late to have `MIN_RUNWAY` left.
 *
 * **Trigger.** The goal minus the runway: what the program will allocate meanwhile. That is what there is to scan, times `consMark`, weighed
 * by the share of the CPUs that marking gets. `consMark` is measured at each cycle's end; the largest of the last five is used, so that noise
 * costs cycles rather than assists. The trigger stays within 45/64 and 61/64 of the way from marked to goal; in a large heap with little to
 * scan the upper bound is `heapMinimumBytes` before the goal.
 *
 * **Assist ratio.** Work that is still expected over the bytes to the goal; revised while the cycle runs. As long as the heap is what it
 * was, expected is what the last cycle scanned. When more than that was scanned, the heap has grown: the worst case is expected, and the
 * goal moves with it so that the ratio stays flat, but not beyond what the next cycle would be allowed anyway. When even that goal is
 * passed: a tenth more, and the worst case.
 *
 * In Go a stack is a goroutine's and globals are the program's variables. Here they are the two kinds of roots: those that come and go with
 * turns (handles, scopes) and the named ones.
 *
 * Pure: no clock, no counter of its own, no lock. Times and sums are given. All state is in the region (pacer-record.ts says who may write
 * it); any thread can make a Pacer for the same record. Go counts in 64-bit integers, this in float64, exact below 2^53; divisions are cut
 * off where Go's are. Where a float becomes an integer that cannot hold it, Go's result depends on the processor; here the rule is said.
 */
import type { Ptr } from "@mallocgc/sysmem";
import { markWorkersFor } from "./mark-workers.ts";
import { f64IndexOf, PacerError } from "./pacer-errors.ts";
import type { CycleTimes, PacerFigures, PacerOptions } from "./pacer-figures.ts";
import { PacerRecord } from "./pacer-record.ts";

/** The share of the CPUs that marking takes unless said otherwise. */
export const GC_BACKGROUND_UTILIZATION = 0.25;
/** The smallest goal at `gcPercent` 100 unless said otherwise: 4 MiB. */
export const DEFAULT_HEAP_MINIMUM: number = 4 << 20;
/** A memory limit, or a goal, that is none. */
export const NO_LIMIT: number = Number.MAX_SAFE_INTEGER;
/** Bytes that the heap can grow by before the next cycle begins, while sweeping is not done. */
export const SWEEP_MIN_HEAP_DISTANCE: number = 1 << 20;

const P = PacerRecord.offset;
const WORDS = PacerRecord.words;
const WORK_PER_BYTE = P.assistWorkPerByte >>> 1;
const BYTES_PER_WORK = P.assistBytesPerWork >>> 1;
const NEXT_TRIGGER = P.nextTrigger >>> 1;
const NEXT_GOAL = P.nextGoal >>> 1;
const TRIGGERED = P.triggered >>> 1;
const MARK_START_TIME = P.markStartTime >>> 1;
const DEDICATED = P.dedicatedMarkWorkers >>> 1;
const FRACTIONAL = P.fractionalUtilizationGoal >>> 1;
const GC_PERCENT = P.gcPercent >>> 1;
const MEMORY_LIMIT = P.memoryLimit >>> 1;
const MINIMUM_BYTES = P.heapMinimumBytes >>> 1;
const HEAP_MINIMUM = P.heapMinimum >>> 1;
const GOAL_UTILIZATION = P.goalUtilization >>> 1;
const BACKGROUND = P.backgroundUtilization >>> 1;
const HEAP_MARKED = P.heapMarked >>> 1;
const LAST_HEAP_SCAN = P.lastHeapScan >>> 1;
const LAST_STACK_SCAN = P.lastStackScan >>> 1;
const PERCENT_GOAL = P.gcPercentHeapGoal >>> 1;
const SWEEP_DIST = P.sweepDistMinTrigger >>> 1;
const RUNWAY = P.runway >>> 1;
const CONS_MARK = P.consMark >>> 1;
const LAST_CONS_MARK = P.lastConsMark >>> 1;
const LAST_HEAP_GOAL = P.lastHeapGoal >>> 1;
const LAST_UTILIZATION = P.lastUtilization >>> 1;

/** Cycles that `consMark` remembers. */
const CONS_MARKS = 4;
const NOT_TRIGGERED = Infinity;
/** The trigger's bounds, in 64ths of the way from marked to goal; the division is a whole one, and comes first. */
const TRIGGER_RATIO_DEN = 64;
const MIN_TRIGGER_RATIO_NUM = 45;
const MAX_TRIGGER_RATIO_NUM = 61;
/** Bytes that a running cycle has at least between where it began and its goal. */
const MIN_RUNWAY = 64 << 10;
/** How far beyond a goal that is already passed the cycle should be over. */
const MAX_OVERSHOOT = 1.1;
/** Work still expected is never less: marking may do a little more than there is. */
const MIN_SCAN_WORK = 1000;
/** What stands for `gcPercent` when it is off and a cycle was forced. */
const FORCED_GC_PERCENT = 100000;
/** Headroom below the goal by memory limit: this share in percent, and at least so many bytes. */
const LIMIT_HEADROOM_PERCENT = 3;
const LIMIT_MIN_HEADROOM = 1 << 20;

/** One region's pacer, as one thread sees it. */
export class Pacer {
  private readonly f64: Float64Array;
  private readonly base: number;

  /** @throws PacerError `ERR_PACER_RECORD` when `at` is not an even word with room for the record behind it. */
  constructor(f64: Float64Array, at: Ptr) {
    this.f64 = f64;
    this.base = f64IndexOf(f64, at, WORDS, "pacer");
  }

  /**
   * Fills in the record of a new heap. Before anybody else sees it.
   *
   * @throws PacerError `ERR_PACER_OPTION` when an option is not a number that makes sense.
   */
  init(figures: PacerFigures, options: PacerOptions = {}): void {
    const { f64, base } = this;
    const heapMinimumBytes = options.heapMinimumBytes ?? DEFAULT_HEAP_MINIMUM;
    if (!Number.isSafeInteger(heapMinimumBytes) || heapMinimumBytes < 0) {
      throw new PacerError("ERR_PACER_OPTION", `heapMinimumBytes is a whole number of bytes from 0 on, not ${String(heapMinimumBytes)}`);
    }
    f64.fill(0, base, base + (WORDS >>> 1));
    f64[base + MINIMUM_BYTES] = heapMinimumBytes;
    f64[base + TRIGGERED] = NOT_TRIGGERED;
    f64[base + MEMORY_LIMIT] = NO_LIMIT;
    this.setUtilization(GC_BACKGROUND_UTILIZATION, GC_BACKGROUND_UTILIZATION);
    this.setGCPercent(options.gcPercent ?? 100);
    this.setMemoryLimit(options.memoryLimit ?? NO_LIMIT);
    this.commit(figures, true);
  }

  /**
   * Sets `gcPercent` and returns the old one; below 0 switches the goal by growth off. `commit` must follow.
   *
   * @throws PacerError `ERR_PACER_OPTION` when it is not a whole number.
   */
  setGCPercent(gcPercent: number): number {
    const { f64, base } = this;
    if (!Number.isInteger(gcPercent)) throw new PacerError("ERR_PACER_OPTION", `gcPercent is a whole number, below 0 for off, not ${String(gcPercent)}`);
    const old = f64[base + GC_PERCENT]!;
    const percent = gcPercent < 0 ? -1 : gcPercent;
    f64[base + GC_PERCENT] = percent;
    // With gcPercent off no minimum is asked for: the goal by growth is larger than any.
    f64[base + HEAP_MINIMUM] = percent < 0 ? 0 : Math.floor((f64[base + MINIMUM_BYTES]! * percent) / 100);
    return old;
  }

  /**
   * Sets the memory limit and returns the old one; below 0 only asks. Infinity is no limit. `commit` must follow.
   *
   * @throws PacerError `ERR_PACER_OPTION` when it is not a number.
   */
  setMemoryLimit(memoryLimit: number): number {
    const { f64, base } = this;
    if (Number.isNaN(memoryLimit)) throw new PacerError("ERR_PACER_OPTION", "memoryLimit is a number of bytes, Infinity for none, not NaN");
    const old = f64[base + MEMORY_LIMIT]!;
    if (memoryLimit >= 0) f64[base + MEMORY_LIMIT] = Math.min(Math.floor(memoryLimit), NO_LIMIT);
    return old;
  }

  /**
   * Says what share of the CPUs a cycle should take, and what share background markers do take. Go's scheduler sees to 0.25 and 0.25.
   * Where markers are threads of their own it is their number over that of all threads, and 0 in the background where there is none.
   *
   * @throws PacerError `ERR_PACER_OPTION` unless 0 <= background <= goal, 0 < goal < 1.
   */
  setUtilization(goal: number, background: number): void {
    if (!(goal > 0 && goal < 1 && background >= 0 && background <= goal)) {
      throw new PacerError("ERR_PACER_OPTION", `utilization is a share above 0 and below 1, and the background's is not above it: not ${String(goal)} and ${String(background)}`);
    }
    this.f64[this.base + GOAL_UTILIZATION] = goal;
    this.f64[this.base + BACKGROUND] = background;
  }

  /**
   * Computes goal and runway from what the last cycle found and the settings, and then {@link refresh}es. At a cycle's end (sweeping is
   * not done then), and after a setting changed; `revise` must follow when a cycle runs.
   */
  commit(figures: PacerFigures, isSweepDone: boolean): void {
    const { f64, base } = this;
    f64[base + SWEEP_DIST] = isSweepDone ? 0 : figures.heapLive + SWEEP_MIN_HEAP_DISTANCE;
    const marked = f64[base + HEAP_MARKED]!;
    const percent = f64[base + GC_PERCENT]!;
    const roots = f64[base + LAST_STACK_SCAN]! + figures.globalsScan;
    const goal = percent < 0 ? NO_LIMIT : marked + Math.floor(((marked + roots) * percent) / 100);
    f64[base + PERCENT_GOAL] = Math.max(goal, f64[base + HEAP_MINIMUM]!);
    const utilization = f64[base + GOAL_UTILIZATION]!;
    const runway = Math.floor(((f64[base + CONS_MARK]! * (1 - utilization)) / utilization) * (f64[base + LAST_HEAP_SCAN]! + roots));
    // Below 0 or not a number after cycles without any mutator time: nothing is known, so as early as is allowed.
    f64[base + RUNWAY] = runway >= 0 ? runway : Infinity;
    this.refresh(figures);
  }

  /** Publishes trigger and goal for {@link nextTrigger} and {@link nextGoal}. With a memory limit, whenever its figures moved. */
  refresh(figures: PacerFigures): void {
    this.f64[this.base + NEXT_TRIGGER] = this.trigger(figures);
    this.f64[this.base + NEXT_GOAL] = this.heapGoal(figures);
  }

  /** Live bytes at which the cycle, the running one or the next, should be over. */
  heapGoal(figures: PacerFigures): number {
    const byLimit = this.memoryLimitHeapGoal(figures);
    return byLimit < this.f64[this.base + PERCENT_GOAL]! ? byLimit : this.percentHeapGoal();
  }

  /** Live bytes at which the next cycle begins. At most the goal. */
  trigger(figures: PacerFigures): number {
    const { f64, base } = this;
    const byLimit = this.memoryLimitHeapGoal(figures);
    const limited = byLimit < f64[base + PERCENT_GOAL]!;
    const goal = limited ? byLimit : this.percentHeapGoal();
    const marked = f64[base + HEAP_MARKED]!;
    if (marked >= goal) return goal;
    const part = Math.floor((goal - marked) / TRIGGER_RATIO_DEN);
    // Under a limit sweeping gets no room of its own: the goal was not pushed up for it, and the trigger may not pass the goal.
    const sweepDist = limited ? 0 : f64[base + SWEEP_DIST]!;
    const min = Math.max(sweepDist, marked + part * MIN_TRIGGER_RATIO_NUM);
    const max = Math.max(marked + part * MAX_TRIGGER_RATIO_NUM, goal - f64[base + MINIMUM_BYTES]!, min);
    return Math.min(Math.max(goal - f64[base + RUNWAY]!, min), max);
  }

  /**
   * Begins a cycle at the live bytes given. The caller starts its counters of scan work, of background credit and of marking times at 0
   * before, and takes the figures after.
   *
   * @throws PacerError `ERR_MARK_WORKERS` when `procs` is not a whole number from 1 on.
   */
  startCycle(figures: PacerFigures, now: number, procs: number): void {
    const { f64, base } = this;
    const workers = markWorkersFor(procs);
    f64[base + MARK_START_TIME] = now;
    f64[base + TRIGGERED] = figures.heapLive;
    f64[base + DEDICATED] = workers.dedicated;
    f64[base + FRACTIONAL] = workers.fractional;
    this.revise(figures);
  }

  /** Computes the assist ratio anew. While a cycle runs, whenever the figures moved; does nothing when none runs. */
  revise(figures: PacerFigures): void {
    const { f64, base } = this;
    const triggered = f64[base + TRIGGERED]!;
    if (triggered === NOT_TRIGGERED) return;
    const { heapLive, globalsScan } = figures;
    const percent = f64[base + GC_PERCENT]! < 0 ? FORCED_GC_PERCENT : f64[base + GC_PERCENT]!;
    const work = figures.heapScanWork + figures.stackScanWork + figures.globalsScanWork;
    const worst = figures.heapScan + figures.maxStackScan + globalsScan;
    let expected = f64[base + LAST_HEAP_SCAN]! + f64[base + LAST_STACK_SCAN]! + globalsScan;
    let goal = this.heapGoal(figures);
    if (work > expected) {
      const hardGoal = Math.trunc((1 + percent / 100) * goal);
      // Nothing was expected: there is no rate to go on with, so as far as is allowed.
      const extrapolated = expected > 0 ? Math.trunc(((goal - triggered) / expected) * worst) + triggered : hardGoal;
      goal = Math.min(extrapolated, hardGoal);
      expected = worst;
    }
    if (heapLive > goal) {
      goal = Math.trunc(goal * MAX_OVERSHOOT);
      expected = worst;
    }
    const workLeft = Math.max(expected - work, MIN_SCAN_WORK);
    const bytesLeft = Math.max(goal - heapLive, 1);
    f64[base + WORK_PER_BYTE] = workLeft / bytesLeft;
    f64[base + BYTES_PER_WORK] = bytesLeft / workLeft;
  }

  /** Measures a cycle that is over, before {@link resetLive}: what its end says about `consMark`. */
  endCycle(figures: PacerFigures, times: CycleTimes): void {
    const { f64, base } = this;
    f64[base + LAST_HEAP_GOAL] = this.heapGoal(figures);
    const available = (times.now - f64[base + MARK_START_TIME]!) * times.procs;
    const utilization = f64[base + BACKGROUND]! + (available > 0 ? times.assistTime / available : 0);
    f64[base + LAST_UTILIZATION] = utilization;
    const allocated = figures.heapLive - f64[base + TRIGGERED]!;
    // A cycle in which nothing was allocated measured nothing.
    if (!(allocated > 0)) return;
    const idle = available > 0 ? times.idleMarkTime / available : 0;
    const work = figures.heapScanWork + figures.stackScanWork + figures.globalsScanWork;
    // Both rates per CPU time, so that wall time and threads cancel out. Idle time counts as marking, and not as lost to the program.
    const current = (allocated * (utilization + idle)) / (work * (1 - utilization));
    let largest = current;
    for (let i = 0; i < CONS_MARKS; i++) largest = Math.max(largest, f64[base + LAST_CONS_MARK + i]!);
    f64[base + CONS_MARK] = largest;
    f64.copyWithin(base + LAST_CONS_MARK, base + LAST_CONS_MARK + 1, base + LAST_CONS_MARK + CONS_MARKS);
    f64[base + LAST_CONS_MARK + CONS_MARKS - 1] = current;
  }

  /**
   * Ends a cycle: `bytesMarked` are live now, and what was scanned is what the next cycle expects. The caller starts its own `heapLive` at
   * `bytesMarked` and its `heapScan` at the heap's scan work. `commit` must follow.
   */
  resetLive(bytesMarked: number, figures: PacerFigures): void {
    const { f64, base } = this;
    f64[base + HEAP_MARKED] = bytesMarked;
    f64[base + LAST_HEAP_SCAN] = figures.heapScanWork;
    f64[base + LAST_STACK_SCAN] = figures.stackScanWork;
    f64[base + TRIGGERED] = NOT_TRIGGERED;
  }

  /** Scan work that an allocating P owes per byte. */
  get assistWorkPerByte(): number {
    return this.f64[this.base + WORK_PER_BYTE]!;
  }
  get assistBytesPerWork(): number {
    return this.f64[this.base + BYTES_PER_WORK]!;
  }
  /** The trigger as published last. A plain read, for every P's slow path. */
  get nextTrigger(): number {
    return this.f64[this.base + NEXT_TRIGGER]!;
  }
  /** The goal as published last: Go's `NextGC`. */
  get nextGoal(): number {
    return this.f64[this.base + NEXT_GOAL]!;
  }
  /** Live bytes at which the running cycle began; Infinity when none runs. */
  get triggered(): number {
    return this.f64[this.base + TRIGGERED]!;
  }
  get markStartTime(): number {
    return this.f64[this.base + MARK_START_TIME]!;
  }
  get dedicatedMarkWorkers(): number {
    return this.f64[this.base + DEDICATED]!;
  }
  get fractionalUtilizationGoal(): number {
    return this.f64[this.base + FRACTIONAL]!;
  }
  get gcPercent(): number {
    return this.f64[this.base + GC_PERCENT]!;
  }
  get memoryLimit(): number {
    return this.f64[this.base + MEMORY_LIMIT]!;
  }
  /** Bytes that the last cycle marked. */
  get heapMarked(): number {
    return this.f64[this.base + HEAP_MARKED]!;
  }
  get lastHeapScan(): number {
    return this.f64[this.base + LAST_HEAP_SCAN]!;
  }
  get lastStackScan(): number {
    return this.f64[this.base + LAST_STACK_SCAN]!;
  }
  /** The goal when the last cycle ended; for the trace and the scavenger. */
  get lastHeapGoal(): number {
    return this.f64[this.base + LAST_HEAP_GOAL]!;
  }
  /** Share of the CPUs that a cycle should take. */
  get goalUtilization(): number {
    return this.f64[this.base + GOAL_UTILIZATION]!;
  }
  get lastUtilization(): number {
    return this.f64[this.base + LAST_UTILIZATION]!;
  }
  get runway(): number {
    return this.f64[this.base + RUNWAY]!;
  }
  get consMark(): number {
    return this.f64[this.base + CONS_MARK]!;
  }

  /** The goal by growth, pushed up where that must be. */
  private percentHeapGoal(): number {
    const { f64, base } = this;
    const goal = Math.max(f64[base + PERCENT_GOAL]!, f64[base + SWEEP_DIST]!);
    const triggered = f64[base + TRIGGERED]!;
    return triggered === NOT_TRIGGERED ? goal : Math.max(goal, triggered + MIN_RUNWAY);
  }

  /** What the memory limit leaves for the heap. */
  private memoryLimitHeapGoal(figures: PacerFigures): number {
    const { f64, base } = this;
    const limit = f64[base + MEMORY_LIMIT]!;
    const marked = f64[base + HEAP_MARKED]!;
    // The three come from counters read one after another, and may together show what never was.
    const nonHeap = Math.max(figures.mappedReady - figures.heapFree - figures.heapAlloc, 0);
    const overage = Math.max(figures.mappedReady - limit, 0);
    // Everything but the heap is over the limit already: collect all the time, and let the CPU limiter rein that in.
    if (nonHeap + overage >= limit) return marked;
    const room = limit - (nonHeap + overage);
    const headroom = Math.max(Math.floor(room / 100) * LIMIT_HEADROOM_PERCENT, LIMIT_MIN_HEADROOM);
    return Math.max(room - headroom < headroom ? headroom : room - headroom, marked);
  }
}
