/**
 * The scavenger: gives free pages of a heap back to the operating system. Go's (1.26), but for the thread: ours has none of its own.
 *
 *      step()            background work, a batch at a time, at 1 % of a CPU, while a goal is exceeded. Whoever is the heap's background thread calls
 *                        it when it is due; with one thread only, whoever is idle. It never waits
 *      allocated()       by an allocating thread, at once: what growth or the memory limit ask for. The page heap calls it
 *      scavengeAll()     everything that is free: freeOSMemory
 *
 * All three do the same: find the highest chunk (scavenge-index.ts), have the page heap give its highest run of free pages back, and again. Any
 * number of threads may be at it. The heap lock is not held while the operating system works.
 *
 * After each cycle the collector says so: `marked` when marking has ended, `pace` when its goal is known, `ready` when all is swept: there is
 * something to give back only then. Between two cycles the background work ends when both goals are met, or nothing is left that may go.
 *
 * Where pages cannot be released, nothing is done and nothing counted. A release that the operating system refuses is counted and changes no figure;
 * the work at hand ends, and the chunk is left alone until something in it is freed. The operating system is asked for last: a thread that never has
 * anything to give back never opens the way to it.
 *
 * An object per thread over state that is in the region. Every thread of the heap makes one, whether it gives pages back or not: it keeps the
 * index. `step`, `pace` and `takeTrace` are for one thread at a time: the one that drives the cycle. Times and figures come from an environment,
 * so that a test can drive all of it.
 */
import type { GrowthObserver, Heap, HeapConfig, PageReleaser } from "@mallocgc/mheap";
import { PAGE_SIZE, RANK_HEAP, type Mutexes, type Ptr, type Region, type RegionPlan, type TableSpec } from "@mallocgc/sysmem";
import { ScavengeError } from "./errors.ts";
import { NO_GOAL, growthOverage, limitOverage, paceGcPercent, paceMemoryLimit, type AssistFigures, type GoalFigures } from "./goals.ts";
import { Pacing, type Quanta } from "./pacing.ts";
import { SCAV_CHUNK_WORDS, ScavengeIndex } from "./scavenge-index.ts";
import { ScavengerRecord } from "./scavenger-record.ts";
import type { ScavTraceFigures } from "./scavtrace.ts";

const R = ScavengerRecord.offset;
const { wake: WAKE, releasedBg: RELEASED_BG, releasedEager: RELEASED_EAGER, failures: FAILURES } = R;
const PERCENT_GOAL = R.gcPercentGoal >>> 1;
const LIMIT_GOAL = R.memoryLimitGoal >>> 1;
const PARKED = R.parked >>> 1;
const SLEEP_START = R.sleepStart >>> 1;
const SLEEP_UNTIL = R.sleepUntil >>> 1;
const CONTROLLER_RESET = R.controllerReset >>> 1;
const LAST_HEAP_IN_USE = R.lastHeapInUse >>> 1;
const BACKGROUND_TIME = R.backgroundTime >>> 1;
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** What a scavenger asks of those above it. Bytes and ns. */
export interface ScavengerEnvironment {
  /** A clock that does not go back. */
  now(): number;
  /** Threads whose CPU time the background's share is one of. */
  procs(): number;
  /** HeapSys - HeapReleased. */
  heapRetained(): number;
  /** Sys - HeapReleased: everything that the memory limit limits. */
  mappedReady(): number;
  /** 2^53 - 1 or more: none. */
  memoryLimit(): number;
  /** Whether the CPU limiter limits: allocating threads give nothing back then. */
  limiting(): boolean;
  /** An allocating thread has given pages back for so long: assist time, for the CPU limiter. */
  assisted(ns: number): void;
  /** The operating system has refused a release, for the first time in this heap. */
  refused(): void;
}

/** How a scavenger works. */
export interface ScavengerOptions {
  /** Pages of a huge page, so that free ones are given back whole; 0, the default: do not care. */
  readonly hugePages?: number;
}

/** The scavenger of one region, as one thread sees it. */
export class Scavenger implements GrowthObserver, Quanta {
  readonly index: ScavengeIndex;
  readonly pacing: Pacing;
  private readonly mem: Int32Array;
  private readonly f64: Float64Array;
  private readonly at: Ptr;
  private readonly base: number;
  private readonly mutexes: Mutexes;
  private readonly heap: Heap;
  private readonly os: PageReleaser;
  private readonly env: ScavengerEnvironment;
  private readonly hugePages: number;

  /**
   * From here on `heap` tells it what is allocated, freed and grown. Before this thread uses the heap.
   *
   * @throws ScavengeError `ERR_SCAVENGE_OPTION` when `hugePages` is neither 0 nor a power of two up to a chunk.
   */
  constructor(region: Region, plan: RegionPlan, mutexes: Mutexes, heap: Heap, os: PageReleaser, env: ScavengerEnvironment, options: ScavengerOptions = {}) {
    const { chunkPages } = heap.config;
    const hugePages = options.hugePages ?? 0;
    if (!Number.isInteger(hugePages) || hugePages < 0 || hugePages > chunkPages || (hugePages & (hugePages - 1)) !== 0) {
      throw new ScavengeError("ERR_SCAVENGE_OPTION", `hugePages is 0 or a power of two up to the ${chunkPages} pages of a chunk, not ${String(hugePages)}`);
    }
    const at = plan.at("scavenger");
    this.mem = region.i32;
    this.f64 = region.f64;
    this.at = at;
    this.base = at >>> 1;
    this.mutexes = mutexes;
    this.heap = heap;
    this.os = os;
    this.env = env;
    this.hugePages = hugePages;
    this.index = new ScavengeIndex(region.i32, at, plan.at("scavenger.chunks"), heap.pages.nchunks, chunkPages);
    this.pacing = new Pacing(region.f64, this.base);
    heap.pages.index = this.index;
    heap.observer = this;
  }

  /** The tables that the scavenger keeps in a region. */
  static tables(config: HeapConfig): TableSpec[] {
    const nchunks = Math.ceil(config.maxBytes / (config.chunkPages * PAGE_SIZE));
    return [
      { name: "scavenger", bytes: ScavengerRecord.words * 4, align: 64, doc: "the scavenger's record: hints, goals, pacing" },
      { name: "scavenger.chunks", bytes: nchunks * SCAV_CHUNK_WORDS * 4, align: 64, doc: "pages in use of each chunk, now and in the last generation" },
    ];
  }

  /** Starts the scavenger of a fresh region, once, before another thread sees it: no goals, nothing to do. */
  init(): void {
    const { f64, base } = this;
    f64[base + PERCENT_GOAL] = NO_GOAL;
    f64[base + LIMIT_GOAL] = NO_GOAL;
    f64[base + PARKED] = 1;
    this.pacing.init();
  }

  /** Releases that the operating system refused, ever, in all threads. */
  get failures(): number {
    return Atomics.load(this.mem, this.at + FAILURES);
  }

  /** The goal by growth that is worked for; Infinity: none, or met. */
  get gcPercentGoal(): number {
    return this.f64[this.base + PERCENT_GOAL]!;
  }

  /** The goal by memory limit that is worked for; Infinity: none, or met. */
  get memoryLimitGoal(): number {
    return this.f64[this.base + LIMIT_GOAL]!;
  }

  /** Time of background work, ever, in ns. */
  get backgroundTime(): number {
    return this.f64[this.base + BACKGROUND_TIME]!;
  }

  // What the collector says.

  /**
   * Marking has ended, with spans of `heapInUse` bytes in use. A generation ends: chunks that were not dense in it, nor are now, may be given back in the
   * background. Takes the heap lock.
   */
  marked(heapInUse: number): void {
    this.f64[this.base + LAST_HEAP_IN_USE] = heapInUse;
    this.mutexes.lock(this.heap.lockWord, RANK_HEAP);
    this.index.nextGen();
    this.mutexes.unlock(this.heap.lockWord, RANK_HEAP);
  }

  /**
   * A cycle has ended, or a setting was changed: the goals are made anew. `heapGoal` is what the live bytes may grow to, `lastHeapGoal` what the last cycle's
   * might; 0 before the first.
   */
  pace(heapGoal: number, lastHeapGoal: number): void {
    const { env, f64, base } = this;
    const figures = {
      memoryLimit: env.memoryLimit(), heapGoal, lastHeapGoal, lastHeapInUse: f64[base + LAST_HEAP_IN_USE]!, heapRetained: env.heapRetained(), mappedReady: env.mappedReady(),
    };
    // Not rounded to pages, a goal is smaller: if that is met, so is the real one, and nobody has to know how large a page is.
    const met = paceGcPercent({ ...figures, pageSize: 1 }) === NO_GOAL && paceMemoryLimit({ ...figures, pageSize: 1 }) === NO_GOAL;
    const all: GoalFigures = { ...figures, pageSize: met || this.os.pageSize === 0 ? PAGE_SIZE : this.os.pageSize };
    f64[base + PERCENT_GOAL] = met ? NO_GOAL : paceGcPercent(all);
    f64[base + LIMIT_GOAL] = met ? NO_GOAL : paceMemoryLimit(all);
  }

  /** There may be work: the next {@link step} looks, even if it comes early. Any thread; it is the caller who wakes the background thread. */
  ready(): void {
    Atomics.store(this.mem, this.at + WAKE, 1);
  }

  /** After how many ns {@link step} has something to do; Infinity: not before {@link ready}. Plain reads: what they miss, the next call sees. */
  get dueIn(): number {
    const { mem, f64, base } = this;
    if (mem[this.at + WAKE] !== 0) return 0;
    return f64[base + PARKED] !== 0 ? Infinity : Math.max(0, f64[base + SLEEP_UNTIL]! - this.env.now());
  }

  // The ways to give back.

  /**
   * A batch of background work if one is due: after how many ns the next one is; Infinity when there is nothing to do until {@link ready}.
   * A batch takes about a millisecond, and one release by the operating system at most more.
   */
  step(): number {
    const { mem, f64, base, env } = this;
    const woken = Atomics.exchange(mem, this.at + WAKE, 0) === 1;
    if (f64[base + PARKED] !== 0) {
      if (!woken) return Infinity;
      f64[base + PARKED] = 0;
    } else if (f64[base + SLEEP_UNTIL]! > 0) {
      const now = env.now();
      const until = f64[base + SLEEP_UNTIL]!;
      if (!woken && now < until) return until - now;
      f64[base + SLEEP_UNTIL] = 0;
      this.pacing.slept(now - f64[base + SLEEP_START]!, env.procs());
    }
    const { pageSize } = this.os;
    const released = pageSize === 0 ? 0 : this.pacing.run(this, pageSize);
    if (pageSize !== 0) f64[base + BACKGROUND_TIME] = f64[base + BACKGROUND_TIME]! + this.pacing.worked;
    if (released === 0) {
      f64[base + PARKED] = 1;
      return Infinity;
    }
    Atomics.add(mem, this.at + RELEASED_BG, released / PAGE_SIZE);
    const sleep = this.pacing.sleepTime(this.pacing.worked);
    const now = env.now();
    f64[base + SLEEP_START] = now;
    f64[base + SLEEP_UNTIL] = now + sleep;
    return sleep;
  }

  /** Called by the page heap; see there. */
  allocated(grown: number, scavenged: number, used: number): void {
    const { env } = this;
    const memoryLimit = env.memoryLimit();
    const goal = this.gcPercentGoal;
    if (memoryLimit >= NO_LIMIT && (goal === NO_GOAL || grown === 0)) return;
    // Go decides before the pages are counted as in use; here they are already, so they come off.
    const counted = used * PAGE_SIZE;
    const figures: AssistFigures = {
      scavenged: scavenged * PAGE_SIZE,
      growth: grown * PAGE_SIZE,
      memoryLimit,
      mappedReady: env.mappedReady() - counted,
      heapRetained: env.heapRetained() - counted,
      gcPercentGoal: goal,
      limiting: env.limiting(),
    };
    const overLimit = limitOverage(figures);
    const nbytes = Math.max(overLimit, growthOverage(figures));
    if (nbytes === 0 || this.os.pageSize === 0) return;
    const start = env.now();
    const released = this.release(nbytes, overLimit > 0, true);
    Atomics.add(this.mem, this.at + RELEASED_EAGER, released / PAGE_SIZE);
    env.assisted(Math.max(0, env.now() - start));
  }

  /** Gives every free page back: how many bytes. Pages in page caches, and in the freed spans of other Ps, stay: flush first. */
  scavengeAll(): number {
    return this.os.pageSize === 0 ? 0 : this.release(Infinity, true, false);
  }

  // The quanta of a batch.

  /** Gives `nbytes` back in the background if there are so many that may go: how many bytes; less when there is no more. */
  scavenge(nbytes: number): number {
    return this.release(nbytes, false, false);
  }

  /** Whether both goals are met. */
  shouldStop(): boolean {
    const { env, gcPercentGoal, memoryLimitGoal } = this;
    return (gcPercentGoal === NO_GOAL || env.heapRetained() <= gcPercentGoal) && (memoryLimitGoal === NO_GOAL || env.mappedReady() <= memoryLimitGoal);
  }

  /** The time in ns. */
  now(): number {
    return this.env.now();
  }

  // Seeing inside.

  /**
   * What a line of scavtrace says: what was released since the last one; or, after {@link scavengeAll} has released `forced` bytes, that alone.
   */
  takeTrace(heapInUse: number, heapReleased: number, forced?: number): ScavTraceFigures {
    const { mem, f64, base } = this;
    const heapRetained = this.env.heapRetained();
    if (forced !== undefined) return { releasedBg: 0, releasedEager: forced, heapReleased, heapInUse, heapRetained, forced: true, controllerReset: false };
    const controllerReset = f64[base + CONTROLLER_RESET] !== 0;
    f64[base + CONTROLLER_RESET] = 0;
    const releasedBg = Atomics.exchange(mem, this.at + RELEASED_BG, 0) * PAGE_SIZE;
    const releasedEager = Atomics.exchange(mem, this.at + RELEASED_EAGER, 0) * PAGE_SIZE;
    return { releasedBg, releasedEager, heapReleased, heapInUse, heapRetained, forced: false, controllerReset };
  }

  /** What is wrong with the index, one sentence each. Takes the heap lock; no thread may be giving pages back meanwhile. */
  verify(): string[] {
    const { pages, lockWord } = this.heap;
    const { bits, chunkPages } = pages;
    const group = Math.max(1, this.os.pageSize / PAGE_SIZE);
    const taken = (ci: number, i: number): boolean => bits.get(pages.allocBits(ci), i) === 1 || bits.get(pages.scavBits(ci), i) === 1;
    this.mutexes.lock(lockWord, RANK_HEAP);
    try {
      return this.index.verify(
        (ci) => bits.popcntRange(pages.allocBits(ci), 0, chunkPages),
        (ci) => {
          // What was refused is left alone, and looks as if it were forgotten.
          if (this.failures > 0 || !pages.isGrown(ci)) return false;
          for (let i = 0; i < chunkPages; i += group) {
            let n = 0;
            while (n < group && !taken(ci, i + n)) n++;
            if (n === group) return true;
          }
          return false;
        },
      );
    } finally {
      this.mutexes.unlock(lockWord, RANK_HEAP);
    }
  }

  /** Gives up to `nbytes` back, and the rest of the last run's OS page or huge page; less when there is no more, or the OS refuses. */
  private release(nbytes: number, force: boolean, heedLimiter: boolean): number {
    const { heap, index } = this;
    const log = heap.pages.logChunkPages;
    let released = 0;
    while (released < nbytes) {
      const page = index.find(force);
      if (page === 0) break;
      const max = Math.min(Math.ceil((nbytes - released) / PAGE_SIZE), heap.config.chunkPages);
      const npages = heap.scavengeOne(this.os, page >>> log, max, this.hugePages);
      if (npages < 0) {
        if (Atomics.add(this.mem, this.at + FAILURES, 1) === 0) this.env.refused();
        break;
      }
      released += npages * PAGE_SIZE;
      if (heedLimiter && this.env.limiting()) break;
    }
    return released;
  }
}
