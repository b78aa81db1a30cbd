/**
 * How much memory the heap may retain before the scavenger gives some back. Two goals, made anew at each cycle's end; work goes on as long
 * as either is exceeded. Go's `gcPaceScavenger`.
 *
 *      by growth   lastHeapInUse * heapGoal / lastHeapGoal, and a tenth more        against heapInUse + free pages (what is retained)
 *      by limit    95 % of the memory limit                                        against all memory that is ready
 *
 * The collector's goal is in bytes of objects, retained memory is in pages: what lies between, the waste inside spans, is taken to stay what it
 * was at the end of the last cycle. So the pages in use then are scaled by how much the goal grows. The tenth is there to allocate from
 * without waiting for the operating system. The goal by limit errs to the other side: close to the limit, the scavenger is to work hard.
 *
 * A goal that is met when it is made is none until the next cycle: the heap will grow into what it retains. And before the first cycle
 * there is no goal by growth, because nothing is known of the heap.
 *
 * Pure: figures in, figures out, in bytes. Go's divisions are whole ones where these are cut off.
 */

/** A goal that there is none of, or that is met. */
export const NO_GOAL: number = Infinity;
/** What is retained beyond the goal by growth, in percent. */
export const RETAIN_EXTRA_PERCENT = 10;
/** How far below the memory limit the goal by limit lies, in percent. */
export const REDUCE_EXTRA_PERCENT = 5;

/** What the goals follow from, in bytes. */
export interface GoalFigures {
  /** The memory limit; 2^53 - 1 or more for none. */
  readonly memoryLimit: number;
  /** Live bytes at which the next cycle should be over. */
  readonly heapGoal: number;
  /** The same of the last cycle; 0 before the first. */
  readonly lastHeapGoal: number;
  /** Bytes of spans in use when the last cycle's marking ended. */
  readonly lastHeapInUse: number;
  /** Bytes of spans in use and of free pages that are not released, now: HeapSys - HeapReleased. */
  readonly heapRetained: number;
  /** All bytes that are ready for use, heap and everything else, now: Sys - HeapReleased. */
  readonly mappedReady: number;
  /** Bytes of a page of the operating system. */
  readonly pageSize: number;
}

/** What may be retained by growth, rounded up to a whole page of the operating system; {@link NO_GOAL} before the first cycle. */
export function gcPercentGoal(lastHeapInUse: number, heapGoal: number, lastHeapGoal: number, pageSize: number): number {
  if (lastHeapGoal === 0) return NO_GOAL;
  const expected = Math.trunc(lastHeapInUse * (heapGoal / lastHeapGoal));
  const goal = expected + Math.trunc(expected / (100 / RETAIN_EXTRA_PERCENT));
  return Math.ceil(goal / pageSize) * pageSize;
}

/** What may be ready for use under a memory limit. */
export function memoryLimitGoal(limit: number): number {
  return Math.trunc(limit * (1 - REDUCE_EXTRA_PERCENT / 100));
}

/** Whether so much is retained that the scavenger should begin: a page of the operating system above the goal or more. */
export function exceedsGcPercentGoal(heapRetained: number, goal: number, pageSize: number): boolean {
  return heapRetained > goal && heapRetained - goal >= pageSize;
}

/** Whether so much is ready for use that the scavenger should begin. */
export function exceedsMemoryLimitGoal(mappedReady: number, goal: number): boolean {
  return mappedReady > goal;
}

/** The goal by growth to work for until the next cycle's end; {@link NO_GOAL} when it is met. */
export function paceGcPercent(f: GoalFigures): number {
  const goal = gcPercentGoal(f.lastHeapInUse, f.heapGoal, f.lastHeapGoal, f.pageSize);
  return exceedsGcPercentGoal(f.heapRetained, goal, f.pageSize) ? goal : NO_GOAL;
}

/** The goal by limit to work for until the next cycle's end; {@link NO_GOAL} when it is met. Allocating threads watch the limit meanwhile. */
export function paceMemoryLimit(f: GoalFigures): number {
  const goal = memoryLimitGoal(f.memoryLimit);
  return exceedsMemoryLimitGoal(f.mappedReady, goal) ? goal : NO_GOAL;
}

/** What a request for pages makes necessary at once, and what it depends on; bytes. */
export interface AssistFigures {
  /** What the request will use of memory that is with the operating system now. */
  readonly scavenged: number;
  /** What the heap has grown by for the request. */
  readonly growth: number;
  readonly memoryLimit: number;
  readonly mappedReady: number;
  readonly heapRetained: number;
  /** The goal by growth that is worked for; {@link NO_GOAL}: none. */
  readonly gcPercentGoal: number;
  /** Whether the CPU limiter limits: then the limit is let go rather than the program. */
  readonly limiting: boolean;
}

/** Bytes to give back before the request is served so that the memory limit holds: forced, from wherever they can be had. */
export function limitOverage(f: AssistFigures): number {
  return f.limiting ? 0 : Math.max(0, f.scavenged + f.mappedReady - f.memoryLimit);
}

/**
 * Bytes to give back because the heap has grown. It grew because what is free is in pieces that are too small, and these are what may go: as much
 * as it grew by, but no further than down to the goal.
 */
export function growthOverage(f: AssistFigures): number {
  if (f.gcPercentGoal === NO_GOAL || f.growth === 0) return 0;
  return Math.max(0, Math.min(f.growth, f.heapRetained + f.growth - f.gcPercentGoal));
}
