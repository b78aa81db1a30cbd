/**
 * What a thread does with a collected heap beyond blocks: types, objects, roots, turns, cycles. `Heap` hands these on; a by-hand heap has none.
 */
import { CYCLES_KEPT, GcRecord, NO_TRIGGER, PHASE_NAMES, PHASE_OFF, STEP_NAMES, UNIT, phaseOf, wakeWorkers, type CycleReport, type HeldUp } from "@mallocgc/gc";
import { pause, type Ptr } from "@mallocgc/sysmem";
import type { Allocator } from "./allocator.ts";
import { Collector } from "./collector.ts";
import { HeapError } from "./errors.ts";
import { FLAG_CHECKS } from "./header.ts";
import type { Layers } from "./layers.ts";
import { nextGoal } from "./mem-stats.ts";
import { NamedRoots } from "./named-roots.ts";
import { ObjectHost } from "./object-host.ts";
import { takeBackOrphans } from "./orphans.ts";
import type { LeakReport } from "./roots/root-host.ts";
import { TypeTable } from "./types/type-table.ts";

const G = GcRecord.offset;
/** How long to wait for the driver's seat, which is held for microseconds. */
const SEAT_MS = 30_000;

/** What a program may want to be told of. Called between turns, never inside an operation. */
export interface HeapEvents {
  /** A handle or scope was dropped without being disposed of; its object was let go. Default: a warning on the console. */
  readonly onLeak?: (report: LeakReport) => void;
  /** A finalizer or cleanup threw; the rest still run. Default: the error is reported on the console. */
  readonly onError?: (error: unknown, what: "finalizer" | "cleanup") => void;
}

/** The collector's state and figures at one moment. Bytes and ms. */
export interface GcStats {
  /** Cycles begun, those whose marking is over, those that are swept too; and of those begun, by request. */
  readonly cyclesBegun: number;
  readonly cyclesMarked: number;
  readonly cyclesSwept: number;
  readonly forced: number;
  /** "off", "arm", "mark", "term" or "sweep". */
  readonly phase: string;
  /** What the driver of the cycle does or waits for. */
  readonly step: string;
  /** Bytes that the last cycle found alive, and allocated since; whole spans count when they are taken. */
  readonly heapLive: number;
  /** Bytes that the last cycle found alive. */
  readonly heapMarked: number;
  /** Live bytes at which the next cycle begins, and at which it should be over. Infinity when growth begins none. */
  readonly trigger: number;
  readonly goal: number;
  /** Background threads that serve this heap. */
  readonly workers: number;
  /** The longest that an operation of this thread was held up by the collector since it attached. */
  readonly maxStallMs: number;
  /** Who holds the cycle under way up, and for how long; undefined when nobody does. */
  readonly heldUpBy: HeldUp | undefined;
  /** Words that should hold a ref and held something else, as markers have found. More than 0 means that a program wrote where it must not. */
  readonly badPointers: number;
}

/** The collected part of one thread's heap. */
export class Collected {
  readonly collector: Collector;
  readonly allocator: Allocator;
  readonly objects: ObjectHost;
  readonly types: TypeTable;
  readonly roots: NamedRoots;
  private readonly layers: Layers;

  constructor(layers: Layers, processorId: number, mayBlock: boolean, events: HeapEvents, allocatorOf: (collector: Collector) => Allocator, attach = true) {
    const checks = (layers.config.flags & FLAG_CHECKS) !== 0;
    this.layers = layers;
    const { onLeak = warnOfLeak, onError = reportError } = events;
    this.collector = new Collector(layers, processorId, checks, mayBlock, {
      onLeak,
      onError,
      checkObject: (addr) => void this.allocator.resolve(addr),
      allocBytes: (nbytes) => this.objects.allocObject(nbytes, 0, 0),
      refOfView: (value) => this.types.refOfView(value),
    });
    this.allocator = allocatorOf(this.collector);
    this.objects = new ObjectHost(layers, processorId, checks, this.allocator, this.collector.mutator, this.collector.turns);
    this.types = new TypeTable(this.objects);
    this.roots = new NamedRoots(this.collector.roots.named, this.types);
    if (attach) this.collector.attach();
  }

  /** The figures of now. */
  stats(): GcStats {
    const { mem, gc } = this.words();
    const { pacer, cycle } = this.collector;
    const load = (field: number): number => Atomics.load(mem, gc + field);
    const trigger = load(G.trigger);
    const busy = phaseOf(load(G.phase)) !== PHASE_OFF;
    return {
      cyclesBegun: load(G.cyclesBegun),
      cyclesMarked: load(G.cyclesDone),
      cyclesSwept: load(G.cyclesSwept),
      forced: load(G.forced),
      phase: PHASE_NAMES[phaseOf(load(G.phase))]!,
      step: STEP_NAMES[cycle.step]!,
      heapLive: load(G.heapLive) * UNIT,
      heapMarked: pacer.heapMarked,
      trigger: trigger === NO_TRIGGER ? Infinity : trigger * UNIT,
      goal: nextGoal(this.collector),
      workers: load(G.workers),
      maxStallMs: this.collector.mutator.maxStallUs / 1000,
      heldUpBy: busy ? this.collector.heldUpBy() : undefined,
      badPointers: this.collector.badPointers().count,
    };
  }

  /** The reports of the cycles after number `after` whose marking is over, the oldest first; the last 64 are kept. */
  cycles(after: number): CycleReport[] {
    const { mem, gc } = this.words();
    const last = Atomics.load(mem, gc + G.cyclesDone);
    const reports: CycleReport[] = [];
    for (let cycle = Math.max(after + 1, last - CYCLES_KEPT + 1, 1); cycle <= last; cycle++) {
      const report = this.collector.log.read(cycle);
      if (report !== undefined) reports.push(report);
    }
    return reports;
  }

  /** Sets Go's GOGC, an integer, and returns the old value; -1 is off. */
  setGCPercent(percent: number): number {
    return this.change(() => this.collector.pacer.setGCPercent(percent));
  }

  /** Sets Go's GOMEMLIMIT, in bytes from 0, and returns the old value; Infinity is none. */
  setMemoryLimit(bytes: number): number {
    const { scavenging } = this.layers;
    return this.change(() => {
      const old = scavenging.memoryLimit;
      scavenging.memoryLimit = Math.floor(bytes);
      this.collector.pacer.setMemoryLimit(bytes);
      return old;
    });
  }

  /** Changes a setting from the driver's seat, so that no cycle is computed from half of it. */
  private change(set: () => number): number {
    const { cycle } = this.collector;
    const deadline = performance.now() + SEAT_MS;
    while (!cycle.tryDrive()) {
      if (performance.now() > deadline) {
        throw new HeapError("ERR_HEAP_DAMAGED", `whoever drives the cycle has not moved for ${SEAT_MS / 1000} s: that thread is stopped or dead; save what you need and make another heap`);
      }
      pause();
    }
    try {
      const old = set();
      cycle.commit();
      return old;
    } finally {
      cycle.stopDriving();
      // There may be more to give back now, or a cycle due.
      this.layers.scavenging.scavenger.ready();
      this.wakeWorkers();
    }
  }

  /** This thread leaves: its roots are let go, its turn ends, and what it has cached goes back, by `release`, while nobody else may act for it. */
  leave(release: () => void): void {
    this.collector.idle.stop();
    this.collector.roots.leave();
    this.collector.turns.close();
    this.collector.mutator.claimSelf();
    release();
  }

  /**
   * Acts for a thread that was this P and has died, and which the caller has claimed: what it was doing is finished or undone, its roots are let go, what it
   * has cached goes back by `release`.
   */
  bury(release: () => void): void {
    const { collector } = this;
    collector.takeOver();
    // Before the poll: until this P acks it, no phase follows in which the generations of these spans would be other ones.
    takeBackOrphans(this.layers);
    // As if in a turn: the P is claimed, so nobody else acts for it.
    collector.turns.open = true;
    collector.mutator.poll();
    collector.roots.leave();
    collector.mutator.flush();
    release();
  }

  /** Wakes the background threads: the heap may have been closed, or left by the last thread. */
  wakeWorkers(): void {
    const { mem, gc } = this.words();
    wakeWorkers(mem, gc);
  }

  private words(): { mem: Int32Array; gc: Ptr } {
    return { mem: this.layers.region.i32, gc: this.layers.plan.at("gc") };
  }
}

function warnOfLeak({ what, where }: LeakReport): void {
  console.warn(`mallocgc: a ${what} was dropped without being disposed of; its object was let go (${where ?? "checks: true tells where it was made"})`);
}

function reportError(error: unknown, what: string): void {
  console.error(`mallocgc: a ${what} threw`, error);
}
