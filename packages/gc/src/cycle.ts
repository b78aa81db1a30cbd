/**
 * The cycle: what happens when, as a machine whose state is in the region, so that any thread can drive it, a step at a time, and another can
 * go on. docs/collector.md section 2 is its protocol, `tooling/models/gc.pml` its model.
 *
 *     step      waits for                                    then
 *     IDLE      a cycle is wanted                            phase ARM
 *     ARM       all acked                                    phase MARK
 *     MARK      all acked                                    notes the turns under way
 *     GRACE     all these turns have ended                   marks the roots
 *     DRAIN     (marks, until there is nothing to take)      asks for a flush
 *     FLUSH     all flushed                                  something came up: DRAIN; else decides: TERM, then SWEEP or MARK again
 *     SWEEP     all released; (sweeps, until all is swept)   phase OFF
 *
 * `advance` does a bounded piece of work and never waits: it says that it waits. Only the thread in the driver's seat calls it (`tryDrive`). Every
 * change of phase is one `Atomics.store`; what the driver wrote before it is seen by whoever acks.
 */
import type { Ptr } from "@mallocgc/sysmem";
import type { LimiterTimes } from "./cpu-limiter.ts";
import type { CycleParts } from "./cycle-parts.ts";
import { GcProcessor, GcRecord, UNIT, triggerWord } from "./gc-record.ts";
import type { Behind, HeldUp } from "./handshake.ts";
import { NO_LIMIT } from "./pacer.ts";
import type { PacerFigures } from "./pacer-figures.ts";
import { PHASE_ARM, PHASE_MARK, PHASE_OFF, PHASE_SWEEP, PHASE_TERM, phaseWord } from "./phase.ts";
import { WANTED_BY_GROWTH, WANTED_BY_REQUEST, WANTED_BY_TIME } from "./refill.ts";
import { STEP_ARM, STEP_DRAIN, STEP_FLUSH, STEP_GRACE, STEP_IDLE, STEP_MARK, STEP_SWEEP } from "./step.ts";
import { WorkRecord } from "./work-record.ts";

const G = GcRecord.offset;
const { work: WORK, marking: P_MARKING } = GcProcessor.offset;
const { scanWork: SCAN_WORK, markedBytes: MARKED_BYTES } = WorkRecord.offset;
const BYTES = UNIT;

/** Nothing to do: no cycle is under way, and none is wanted. */
export const ADVANCE_IDLE = 0;
/** Some Ps have to poll first. */
export const ADVANCE_WAITING = 1;
/** Something was done, and there may be more. */
export const ADVANCE_WORKED = 2;

/** A cycle begins when none has for so long; as in Go. */
export const FORCE_PERIOD_MS = 120_000;
/** Spans swept in one step; as Go's background sweeper. */
const SWEEP_BATCH = 10;

/** The cycle of one heap, as one thread drives it. */
export class Cycle {
  private readonly mem: Int32Array;
  private readonly f64: Float64Array;
  private readonly gc: Ptr;
  private readonly parts: CycleParts;
  private readonly owner: number;

  constructor(parts: CycleParts) {
    this.mem = parts.region.i32;
    this.f64 = parts.region.f64;
    this.gc = parts.gc;
    this.parts = parts;
    this.owner = parts.mutexes.owner;
  }

  /** Takes the driver's seat, if it is free. */
  tryDrive(): boolean {
    // Pairs with stopDriving: this driver sees what the last one wrote.
    return Atomics.compareExchange(this.mem, this.gc + G.driver, 0, this.owner) === 0;
  }

  /** Leaves it. */
  stopDriving(): void {
    Atomics.store(this.mem, this.gc + G.driver, 0);
  }

  /** The step the machine stands at. */
  get step(): number {
    return Atomics.load(this.mem, this.gc + G.step);
  }

  /** Does a piece of work of about `budget` bytes of scan work. Returns one of the ADVANCE_ codes. Only in the driver's seat. */
  advance(budget: number): number {
    const { handshake } = this.parts;
    switch (this.step) {
      case STEP_IDLE:
        return this.begin();
      case STEP_ARM:
        if (!handshake.acked(this.word(PHASE_ARM))) return ADVANCE_WAITING;
        this.setPhase(PHASE_MARK);
        return this.go(STEP_MARK);
      case STEP_MARK:
        if (!handshake.acked(this.word(PHASE_MARK))) return ADVANCE_WAITING;
        handshake.beginGrace();
        return this.go(STEP_GRACE);
      case STEP_GRACE:
        if (!handshake.gracePassed()) return ADVANCE_WAITING;
        this.markRoots();
        return this.go(STEP_DRAIN);
      case STEP_DRAIN:
        return this.drain(budget);
      case STEP_FLUSH:
        return handshake.flushed() ? this.tryFinish() : ADVANCE_WAITING;
      default:
        return this.sweep();
    }
  }

  /** Whom the driver waits for, and for how long; undefined when it waits for no P in a turn. Any thread. */
  heldUpBy(): HeldUp | undefined {
    return this.parts.handshake.heldUpBy(this.parts.now(), this.behind());
  }

  /** Who keeps the machine from its next step. */
  private behind(): Behind {
    const { handshake } = this.parts;
    switch (this.step) {
      case STEP_ARM:
        return handshake.behindPhase(this.word(PHASE_ARM));
      case STEP_MARK:
        return handshake.behindPhase(this.word(PHASE_MARK));
      case STEP_GRACE:
        return handshake.behindGrace();
      case STEP_FLUSH:
        return handshake.behindFlush();
      case STEP_SWEEP:
        return handshake.behindPhase(this.word(PHASE_SWEEP));
      default:
        return () => false;
    }
  }

  private go(step: number): number {
    Atomics.store(this.mem, this.gc + G.step, step);
    return ADVANCE_WORKED;
  }

  private word(phase: number): number {
    return phaseWord(this.mem[this.gc + G.cyclesBegun]!, phase);
  }

  private setPhase(phase: number): void {
    // Pairs with the loads in Mutator.pollSlow; and see turn-word.ts.
    Atomics.store(this.mem, this.gc + G.phase, this.word(phase));
  }

  private begin(): number {
    const { mem, f64, gc } = this;
    const { pacer, limiter, log, now } = this.parts;
    const at = now();
    if (at - f64[(gc + G.lastCycleAt) >>> 1]! >= FORCE_PERIOD_MS && mem[gc + G.gcPercentOff] === 0) Atomics.or(mem, gc + G.wanted, WANTED_BY_TIME);
    const reason = Atomics.exchange(mem, gc + G.wanted, 0);
    // Asked for while the last cycle was under way: that may have been enough.
    const grown = Atomics.load(mem, gc + G.heapLive) >= Atomics.load(mem, gc + G.trigger);
    if (reason === 0 || (reason === WANTED_BY_GROWTH && !grown)) {
      // Who gives pages back for the memory limit asks the limiter, cycle or not.
      if (limiter.limiting) this.relimit();
      return ADVANCE_IDLE;
    }
    Atomics.add(mem, gc + G.cyclesBegun, 1);
    if ((reason & WANTED_BY_REQUEST) !== 0) Atomics.add(mem, gc + G.forced, 1);
    mem[gc + G.reason] = reason;
    mem[gc + G.liveAtBegin] = Atomics.load(mem, gc + G.heapLive);
    f64[(gc + G.beginAt) >>> 1] = at;
    f64[(gc + G.lastCycleAt) >>> 1] = at;
    f64[(gc + G.scanStart) >>> 1] = this.sumOfWork(SCAN_WORK);
    f64[(gc + G.markedStart) >>> 1] = this.sumOfWork(MARKED_BYTES);
    const { workers, procs } = this.threads();
    limiter.resetCapacity(at * 1e6, procs, this.limiterTimes(), mem[gc + G.cyclesBegun]!);
    for (const word of [G.assistUs, G.scavAssistUs, G.markUs, G.idleUs, G.bgCredit]) Atomics.store(mem, gc + word, 0);
    pacer.setUtilization(workers === 0 ? 0.25 : workers / procs, workers === 0 ? 0 : workers / procs);
    const figures = this.figures();
    pacer.startCycle(figures, at * 1e6, procs);
    limiter.startGCTransition(true, at * 1e6, this.limiterTimes(), mem[gc + G.cyclesBegun]!);
    limiter.finishGCTransition(at * 1e6, mem[gc + G.cyclesBegun]!);
    Atomics.store(mem, gc + G.limiting, limiter.limiting ? 1 : 0);
    const { assistWorkPerByte, dedicatedMarkWorkers, fractionalUtilizationGoal } = pacer;
    const { heapScan, heapLive } = figures;
    log.begin(mem[gc + G.cyclesBegun]!, { assistWorkPerByte, heapScan, heapLive, goal: pacer.heapGoal(figures), dedicatedMarkWorkers, fractionalUtilizationGoal });
    // Before the phase: who acks MARK finds it.
    Atomics.store(mem, gc + G.markGen, Atomics.load(mem, this.parts.spans.heapSweepgen));
    this.setPhase(PHASE_ARM);
    return this.go(STEP_ARM);
  }

  /** Attached threads that could mark or run the program, and how many of them are workers. Never all of them workers. */
  private threads(): { workers: number; procs: number } {
    const workers = Atomics.load(this.mem, this.gc + G.workers);
    return { workers, procs: Math.max([...this.parts.handshake.running()].length, workers + 1) };
  }

  private markRoots(): void {
    const { mem, f64, gc } = this;
    const { roots, forEachFinalizer, marker, now } = this.parts;
    f64[(gc + G.rootsAt) >>> 1] = now();
    let words = 0;
    for (const source of roots) {
      for (const [from, length] of source.ranges()) {
        marker.markRange(from, length);
        words += length;
      }
    }
    forEachFinalizer((addr) => { marker.scanObject(addr); });
    marker.flushLocal();
    f64[(gc + G.rootBytes) >>> 1] = words * 4;
    Atomics.store(mem, gc + G.marking, 1);
  }

  /** Whether any thread has work of its own in hand. */
  private someoneMarks(): boolean {
    for (const at of this.parts.handshake.running()) if (Atomics.load(this.mem, at + P_MARKING) !== 0) return true;
    return false;
  }

  private drain(budget: number): number {
    const { mem, gc } = this;
    const { background, marker, pacer, now } = this.parts;
    if (background.run(budget) > 0) {
      pacer.revise(this.figures());
      this.relimit();
      return ADVANCE_WORKED;
    }
    // The round begins where nobody marks: this order pairs with that of BackgroundMarker.run.
    mem[gc + G.roundSeq] = Atomics.load(mem, gc + G.workSeq);
    mem[gc + G.roundRevived] = Atomics.load(mem, gc + G.revived);
    if (!marker.nothingToTake()) return ADVANCE_WORKED;
    if (this.someoneMarks()) return ADVANCE_WAITING;
    this.f64[(gc + G.roundAt) >>> 1] = now();
    this.parts.handshake.requestFlush();
    return this.go(STEP_FLUSH);
  }

  /** All have flushed: if nothing came of it, and nobody has marked since the round began, marking is over. */
  private tryFinish(): number {
    const { mem, gc } = this;
    const { marker } = this.parts;
    if (Atomics.load(mem, gc + G.workSeq) !== mem[gc + G.roundSeq] || !marker.nothingToTake()) return this.go(STEP_DRAIN);
    if (marker.takeOverflow()) {
      Atomics.add(mem, gc + G.workSeq, 1);
      this.parts.rescan();
      // An object with a finalizer has no mark to be found by: its entry may be among those that were dropped. Drained one by one, as in `rescan`: handed
      // over, they would be dropped again where there is no buffer at all, and marking would never end.
      this.parts.forEachFinalizer((addr) => {
        marker.scanObject(addr);
        marker.drain(Infinity);
      });
      marker.flushLocal();
      return this.go(STEP_DRAIN);
    }
    this.setPhase(PHASE_TERM);
    // Pairs with Mutator.makeStrongFromWeak and Mutator.announceMarking: whoever has revived an object, or is about to mark, and then still saw MARK is seen here.
    const revived = Atomics.load(mem, gc + G.revived) !== mem[gc + G.roundRevived];
    if (revived || this.someoneMarks() || Atomics.load(mem, gc + G.workSeq) !== mem[gc + G.roundSeq] || !marker.nothingToTake()) {
      this.setPhase(PHASE_MARK);
      return this.go(STEP_DRAIN);
    }
    this.finishMark();
    return this.go(STEP_SWEEP);
  }

  /** Marking is over: what it found sets the next goal; spans are unswept from here on. */
  private finishMark(): void {
    const { mem, gc } = this;
    const { pacer, limiter, sweepPacing, pages, spans, log, now, checkMarks, observer } = this.parts;
    checkMarks?.();
    Atomics.store(mem, gc + G.marking, 0);
    Atomics.store(mem, gc + G.limiting, 0);
    const at = now();
    const before = this.figures();
    const cycle = mem[gc + G.cyclesBegun]!;
    const fresh = before.heapLive - mem[gc + G.liveAtBegin]! * BYTES;
    const marked = Math.min(this.sumOfWork(MARKED_BYTES) - this.f64[(gc + G.markedStart) >>> 1]! + Math.max(fresh, 0), before.heapLive);
    const assistTime = Atomics.load(mem, gc + G.assistUs) * 1000;
    const { triggered, consMark, goalUtilization } = pacer;
    const expectedWork = pacer.lastHeapScan + pacer.lastStackScan + before.globalsScan;
    pacer.endCycle(before, { now: at * 1e6, procs: this.threads().procs, assistTime, idleMarkTime: 0 });
    limiter.startGCTransition(false, at * 1e6, this.limiterTimes(), cycle);
    limiter.finishGCTransition(at * 1e6, cycle);
    Atomics.add(mem, gc + G.heapLive, Math.round((marked - before.heapLive) / BYTES));
    Atomics.store(mem, gc + G.heapScan, Math.round(Math.min(before.heapScanWork + Math.max(fresh, 0), marked) / BYTES));
    pacer.resetLive(marked, before);
    observer.marked();
    pacer.commit(this.figures(), false);
    this.publish();
    Atomics.store(mem, gc + G.pagesSwept, 0);
    Atomics.store(mem, gc + G.reclaimIndex, pages.firstPage);
    const inUse = pages.figures().inUse;
    sweepPacing.pace({ trigger: pacer.nextTrigger, heapLive: marked, pagesInUse: inUse, pagesSwept: 0 });
    log.end({
      at, reason: mem[gc + G.reason]!, before, marked, goal: pacer.lastHeapGoal, procs: this.threads().procs, assistNs: assistTime,
      utilization: pacer.lastUtilization, goalUtilization, expectedWork, triggered, consMark,
    });
    this.parts.profile.nextCycle();
    Atomics.store(mem, gc + G.sweeping, 1);
    // Before the phase: who acks SWEEP finds its cached spans stale.
    Atomics.store(mem, spans.heapSweepgen, (mem[spans.heapSweepgen]! + 2) | 0);
    this.setPhase(PHASE_SWEEP);
    Atomics.store(mem, gc + G.cyclesDone, cycle);
    Atomics.notify(mem, gc + G.cyclesDone);
  }

  private sweep(): number {
    const { mem, gc } = this;
    const { sweeper, handshake, sweepPacing, pages, pacer, log, observer } = this.parts;
    const released = handshake.released(this.word(PHASE_SWEEP));
    for (let i = 0; i < SWEEP_BATCH; i++) {
      if (sweeper.sweepOne() !== 0) continue;
      if (!released) return i === 0 ? ADVANCE_WAITING : ADVANCE_WORKED;
      sweepPacing.stop();
      // The pages that came free are in this P's caches, and a background thread has no use for them: of a small heap they are the better part.
      pages.flush();
      if ((mem[gc + G.reason]! & WANTED_BY_REQUEST) !== 0) this.parts.profile.postSweep();
      Atomics.store(mem, gc + G.sweeping, 0);
      // A limit leaves the heap more now that what was swept is free, or less where it is free in spans that stay.
      if (pacer.memoryLimit < NO_LIMIT) {
        pacer.refresh(this.figures());
        this.publishTrigger();
      }
      log.swept(mem[gc + G.cyclesBegun]!, observer.swept());
      this.setPhase(PHASE_OFF);
      Atomics.store(mem, gc + G.cyclesSwept, mem[gc + G.cyclesBegun]!);
      Atomics.notify(mem, gc + G.cyclesSwept);
      return this.go(STEP_IDLE);
    }
    return ADVANCE_WORKED;
  }

  /** Computes goal and trigger anew, as after a setting has changed. The caller drives. */
  commit(): void {
    this.parts.pacer.commit(this.figures(), Atomics.load(this.mem, this.gc + G.sweeping) === 0);
    this.publish();
  }

  /** Tells the CPU limiter what was done, if that is due. Only in the driver's seat. */
  relimit(): void {
    const { mem, gc } = this;
    const { limiter, now } = this.parts;
    const at = now() * 1e6;
    if (!limiter.needUpdate(at)) return;
    limiter.update(at, this.limiterTimes(), mem[gc + G.cyclesBegun]!);
    Atomics.store(mem, gc + G.limiting, limiter.limiting ? 1 : 0);
  }

  /** CPU time of this cycle: assists, of marking and of giving pages back; marking in the background, and by who was idle. */
  private limiterTimes(): LimiterTimes {
    const us = (field: number): number => Atomics.load(this.mem, this.gc + field);
    return { assistTime: (us(G.assistUs) + us(G.scavAssistUs)) * 1000, backgroundTime: us(G.markUs) * 1000, idleTime: us(G.idleUs) * 1000 };
  }

  private publish(): void {
    const { pacer, observer } = this.parts;
    this.publishTrigger();
    observer.paced(pacer.nextGoal, pacer.lastHeapGoal);
  }

  private publishTrigger(): void {
    const { pacer } = this.parts;
    Atomics.store(this.mem, this.gc + G.gcPercentOff, pacer.gcPercent < 0 ? 1 : 0);
    Atomics.store(this.mem, this.gc + G.trigger, triggerWord(pacer.nextTrigger));
  }

  /** The figures that the pacer works with, as of now. */
  figures(): PacerFigures {
    const { mem, f64, gc } = this;
    const globalsScan = f64[(gc + G.rootBytes) >>> 1]!;
    const limited = this.parts.pacer.memoryLimit < NO_LIMIT;
    const memory = limited ? this.parts.memory() : { mappedReady: 0, heapFree: 0, heapAlloc: 0 };
    return {
      heapLive: Atomics.load(mem, gc + G.heapLive) * BYTES,
      heapScan: Atomics.load(mem, gc + G.heapScan) * BYTES,
      maxStackScan: 0,
      globalsScan,
      heapScanWork: this.sumOfWork(SCAN_WORK) - f64[(gc + G.scanStart) >>> 1]!,
      stackScanWork: 0,
      globalsScanWork: globalsScan,
      ...memory,
    };
  }

  /** A counter that each P keeps, added up over all that ever were. */
  private sumOfWork(field: number): number {
    const { processors } = this.parts;
    let sum = 0;
    for (let id = 0; id < processors.length; id++) {
      const work = this.mem[processors.gcRecordOf(id) + WORK]!;
      if (work !== 0) sum += this.f64[(work + field) >>> 1]!;
    }
    return sum;
  }
}
