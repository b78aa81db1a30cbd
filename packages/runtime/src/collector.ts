/**
 * The collector put together for one thread of a collected heap: marker, mutator, sweeper, cycle, turns, roots; and what the heap's other parts ask of it.
 *
 *     attach       the P's part of the collector is filled in, before others can see the P
 *     turns        what begins and ends them (turn.ts); between turns this thread drives the cycle if no background thread does
 *     gc, gcSync   ask for a cycle and wait for it, outside of any turn, driving it if nobody else does
 *     makeRoom     the region is full: what can be swept is swept, a cycle that is past its grace period is brought to its end
 *
 * `Layers` has what allocates, this what collects; the two are connected here and nowhere else.
 */
import {
  ADVANCE_IDLE, ADVANCE_WAITING, BackgroundMarker, Cycle, CpuLimiter, CycleLog, GcProcessor, GcRecord, Handshake, MARKER_BYTES, Marker, Mutator, NO_LIMIT,
  ObjectMap, PHASE_OFF, Pacer, RefillWork, STEP_DRAIN, STEP_GRACE, Specials, SweepPacing, TimeHistogramRecord, UNIT, WANTED_BY_REQUEST, WorkRecord, cycleOf, findLost, newSlotsKernel, phaseOf, phaseWord, triggerWord, type CheckMarkParts,
  type HeldUp, type Processors,
} from "@mallocgc/gc";
import { Tiny } from "@mallocgc/mcache";
import { PAGE_SIZE, type Addr, type Ptr, type Region } from "@mallocgc/sysmem";
import type { CollectorHooks } from "./allocator.ts";
import { allSpans } from "./all-spans.ts";
import { HeapError, HeapExhaustedError } from "./errors.ts";
import { IdleWork } from "./idle-work.ts";
import { FLAG_CHECK_MARK } from "./header.ts";
import type { Layers } from "./layers.ts";
import { readMemory } from "./mem-stats.ts";
import type { GcConfig } from "./options.ts";
import { Sampler } from "./profile/sampler.ts";
import { Roots } from "./roots/roots.ts";
import type { LeakReport, RootHost } from "./roots/root-host.ts";
import { Turns } from "./turn.ts";

const G = GcRecord.offset;
const P = GcProcessor.offset;
/** Bytes of scan work in one step of a thread of the program that has nothing else to do. */
const IDLE_BUDGET: number = 256 << 10;
/** Bytes of scan work in one step between two turns: some tens of microseconds. */
const STEP_BUDGET: number = 32 << 10;
/** How long a thread without background workers drives the cycle between two turns. */
const STEP_MS = 0.2;
/** The same where a memory limit is about to be passed. */
const PRESSED_STEP_MS = 2;
/** The same when the thread has nothing else to do. */
const IDLE_STEP_MS = 1;
/** Between two looks at a cycle that waits for others. */
const POLL_MS = 2;
/** How long `makeRoom` goes on with a cycle that is past its grace period. */
const ROOM_MS = 5000;
/** How far over its goal the heap must be for a program's thread to help to drive the cycle, although there are background threads. */
const FAR_BEHIND = 1.5;
const BYTES = UNIT;

/** What the program is told of, outside of any operation. */
export interface CollectorEvents {
  onLeak(report: LeakReport): void;
  onError(error: unknown, what: "finalizer" | "cleanup"): void;
}

/** What a collector needs of the heap object it belongs to. */
export interface CollectorHost extends CollectorEvents {
  checkObject(addr: number): void;
  allocBytes(nbytes: number): Addr;
  refOfView(value: object): number;
}

/** One thread's part in the collection. */
export class Collector implements CollectorHooks {
  readonly turns: Turns;
  readonly roots: Roots;
  readonly mutator: Mutator;
  readonly cycle: Cycle;
  readonly log: CycleLog;
  readonly background: BackgroundMarker;
  readonly pacer: Pacer;
  readonly limiter: CpuLimiter;
  readonly specials: Specials;
  readonly objects: ObjectMap;
  readonly idle: IdleWork;
  private readonly region: Region;
  private readonly mem: Int32Array;
  private readonly gcAt: Ptr;
  private readonly layers: Layers;
  private readonly refill: RefillWork;
  private readonly marker: Marker;
  private readonly checkParts: CheckMarkParts;

  constructor(layers: Layers, processorId: number, checks: boolean, mayBlock: boolean, host: CollectorHost) {
    const { region, plan, processors, pages, spans, marks } = layers;
    const gc = plan.at("gc");
    const at = processors.gcOf(processorId);
    this.region = region;
    this.mem = region.i32;
    this.gcAt = gc;
    this.layers = layers;
    this.pacer = new Pacer(region.f64, plan.at("gc.pacer"));
    this.limiter = new CpuLimiter(region.f64, plan.at("gc.limiter"));
    const sweepPacing = new SweepPacing(region.f64, plan.at("gc.sweepPacing"));
    this.log = new CycleLog(region, gc, plan.at("gc.cycles"), plan.at("gc.pauses"));
    this.marker = new Marker(region, plan.at("gc.work"), this.mem[at + P.work]! as Ptr, pages.pageMap, (nbytes) => pages.persistentAlloc(nbytes, 64));
    this.mutator = new Mutator(region, gc, at, layers.cache, layers.tiny, this.marker, spans, marks, pages, newSlotsKernel(region, pages.pageMap), mayBlock);
    const sweeper = layers.sweeper!;
    const owners = { isOwner: (id: number, generation: number): boolean => processors.isRunning(id) && processors.generationOf(id) === generation };
    this.specials = new Specials(region, plan.at("specials"), plan.at("specials.queues"), processors.length, layers.mutexes, spans, pages, owners, this.mutator, layers.profiler.counts);
    layers.cache.connectProfile(new Sampler(layers.profiler, this.specials));
    sweeper.connect(layers.central, this.specials);
    this.background = new BackgroundMarker(region, gc, at, this.marker);
    this.refill = new RefillWork(region, gc, at, this.mutator, this.background, sweeper, this.pacer, sweepPacing);
    layers.cache.connect(this.refill);
    this.objects = new ObjectMap(region, spans);
    this.turns = new Turns(this.mutator, this);
    this.idle = new IdleWork({ run: () => { this.workIdle(); }, next: () => this.idleDelay() });
    this.roots = new Roots(this.rootHost(processorId, checks, host));
    this.checkParts = { region, spans, marks, objects: this.objects, finder: pages, roots: this.roots.sources };
    const others = this.processorsView();
    this.cycle = new Cycle({
      region, gc, log: this.log, mutexes: layers.mutexes, pages, spans, processors: others, handshake: new Handshake(region, gc, others), marker: this.marker,
      background: this.background, sweeper, pacer: this.pacer, limiter: this.limiter, sweepPacing, roots: this.roots.sources,
      forEachFinalizer: (visit) => { this.specials.forEachFinalizer(visit); },
      profile: layers.profiler.counts,
      rescan: () => { this.rescan(); },
      memory: () => readMemory(layers),
      observer: layers.scavenging,
      checkMarks: (layers.config.flags & FLAG_CHECK_MARK) === 0 ? undefined : () => { this.checkMarks(); },
      now: () => performance.timeOrigin + performance.now(),
    });
  }

  /** Fills in the collector's words of a new heap. */
  static init(layers: Layers, config: GcConfig): void {
    const { region, plan } = layers;
    const now = performance.timeOrigin + performance.now();
    const gc = plan.at("gc");
    const nothing = { heapLive: 0, heapScan: 0, maxStackScan: 0, globalsScan: 0, heapScanWork: 0, stackScanWork: 0, globalsScanWork: 0, mappedReady: 0, heapFree: 0, heapAlloc: 0 };
    const pacer = new Pacer(region.f64, plan.at("gc.pacer"));
    pacer.init(nothing, { gcPercent: config.percent, memoryLimit: config.memoryLimit, heapMinimumBytes: config.heapMinimum });
    new CpuLimiter(region.f64, plan.at("gc.limiter")).init(now * 1e6, 1 + config.workers);
    region.i32[gc + G.trigger] = triggerWord(pacer.nextTrigger);
    region.i32[gc + G.gcPercentOff] = config.percent < 0 ? 1 : 0;
    region.f64[(gc + G.heapStart) >>> 1] = now;
    region.f64[(gc + G.lastCycleAt) >>> 1] = now;
    Roots.init(region.i32, plan.at("roots"));
    // Background threads start while the program fills the heap; their records are there before.
    for (let id = 0; id <= config.workers; id++) Collector.reserve(layers, id);
  }

  /** Makes a P's record as a marker, which it keeps for ever. @throws HeapExhaustedError when there is no room for it. */
  private static reserve(layers: Layers, processorId: number): void {
    const mem = layers.region.i32;
    const at = layers.processors.gcOf(processorId);
    if (mem[at + P.work] !== 0) return;
    const work = layers.pages.persistentAlloc(MARKER_BYTES, 64);
    if (work === 0) throw new HeapExhaustedError(MARKER_BYTES, layers.config.maxBytes, true);
    mem[at + P.work] = work >>> 2;
    mem[at + P.pauses] = (work >>> 2) + WorkRecord.words;
    mem[at + P.grey] = (work >>> 2) + WorkRecord.words + TimeHistogramRecord.words;
  }

  /**
   * Fills in a P's part of the collector, before others can see the P. Its record as a marker is made when a thread is that P for the first time.
   *
   * @throws HeapExhaustedError when there is no room for it.
   */
  static prepare(layers: Layers, processorId: number): void {
    const mem = layers.region.i32;
    const at = layers.processors.gcOf(processorId);
    Collector.reserve(layers, processorId);
    mem[at + P.turn] = ((mem[at + P.turn]! | 3) + 1) | 0;
    // A word that the phase will never be again: whatever it is when the first turn begins, the P acks it, and is black if it has to be.
    mem[at + P.phaseSeen] = phaseWord(cycleOf(Atomics.load(mem, layers.plan.at("gc") + G.phase)) - 1, PHASE_OFF);
    mem[at + P.flushSeen] = 0;
    mem[at + P.greyLen] = 0;
    mem[at + P.assistDebt] = 0;
    mem[at + P.marking] = 0;
    mem[at + P.turnSince] = 0;
  }

  /** This thread is a P from now on. */
  attach(): void {
    this.roots.attach();
  }

  /**
   * Takes over from the thread that was this P and died: what it was marking is scanned again.
   *
   * @throws HeapError `ERR_HEAP_DAMAGED` when it died while it drove the cycle: how far it had come cannot be known.
   */
  takeOver(): void {
    const mem = this.mem;
    if (mem[this.gcAt + G.driver] === this.layers.mutexes.owner) {
      throw new HeapError("ERR_HEAP_DAMAGED", `the thread that was P ${this.layers.mutexes.owner - 1} died while it drove a cycle; save what you need and make another heap`);
    }
    // What it had in hand is marked: a scan of all that is marked finds it.
    if (this.marker.takeBroken() || this.marker.pending > 0) {
      this.marker.setOverflow();
      // Pairs with the driver's looks in Cycle.tryFinish: it may have found no overflow just before, but a round in which this changes is not the last.
      Atomics.add(mem, this.gcAt + G.workSeq, 1);
    }
    this.marker.discard();
    Atomics.store(mem, this.layers.processors.gcOf(this.layers.mutexes.owner - 1) + P.marking, 0);
  }

  private processorsView(): Processors {
    const { layers } = this;
    const { processors } = layers;
    return {
      length: processors.length,
      isRunning: (id) => processors.isRunning(id),
      gcRecordOf: (id) => processors.gcOf(id),
      releaseCaches: (id) => {
        const cache = layers.cacheOf(id);
        cache.connect(this.refill);
        cache.setWhite();
        new Tiny(this.region, processors.mcacheOf(id), cache, layers.spans, layers.tinyBits, layers.pages, layers.freer, true).closeCurrent();
        cache.releaseAll();
      },
    };
  }

  private rootHost(processorId: number, checks: boolean, host: CollectorHost): RootHost {
    const { layers } = this;
    return {
      layers, specials: this.specials, barrier: this.mutator, state: layers.plan.at("roots"), processorRoots: layers.plan.at("roots.processors"), processorId,
      generation: layers.processors.generationOf(processorId), checks,
      enterTurn: () => { this.turns.enter(); },
      blocking: (fn) => this.turns.blocking(fn),
      checkObject: (addr) => { host.checkObject(addr); },
      refOfView: (value) => host.refOfView(value),
      allocBytes: (nbytes) => host.allocBytes(nbytes),
      makeStrongFromWeak: (word) => this.mutator.makeStrongFromWeak(word),
      onLeak: (report) => { host.onLeak(report); },
      onError: (error, what) => { host.onError(error, what); },
    };
  }

  // What happens between turns (BetweenTurns of turn.ts).

  get due(): boolean {
    return this.roots.due;
  }

  run(): void {
    this.roots.turnStart();
  }

  /**
   * Where no background thread drives the cycle, or those there are get no processor and the heap grows far beyond its goal, does a piece of it. And where there is none,
   * gives memory back.
   */
  step(): void {
    const mem = this.mem;
    const gc = this.gcAt;
    // Plain reads: what they miss, the next turn's end sees.
    const alone = mem[gc + G.workers] === 0;
    if (!alone && !this.isFarBehind()) return;
    if (this.cycleIsDue()) this.help();
    if (!alone) return;
    this.scavenge();
    this.idle.plan();
  }

  /** As `step`, with nothing else waiting for this thread. */
  private workIdle(): void {
    if (this.mem[this.gcAt + G.workers] !== 0) return;
    if (this.cycleIsDue()) {
      this.background.idle = true;
      try {
        this.drive(IDLE_BUDGET, IDLE_STEP_MS);
      } finally {
        this.background.idle = false;
      }
    }
    this.scavenge();
  }

  /** A piece of the cycle between two turns; none of its marking while the CPU limiter says that the program has had too little. */
  private help(): void {
    const mem = this.mem;
    const gc = this.gcAt;
    if (mem[gc + G.limiting] === 0 || mem[gc + G.marking] === 0) {
      if (this.isOverLimitedGoal()) this.helpUnderLimit();
      else this.drive(STEP_BUDGET, STEP_MS);
    } else {
      this.inSeat(() => { this.cycle.relimit(); });
    }
  }

  /** Drives, or marks, or at least keeps from allocating: beyond its goal under a memory limit a heap has to be collected first. Go parks an assist then; this ends after 2 ms. */
  private helpUnderLimit(): void {
    const mem = this.mem;
    const done = this.gcAt + G.cyclesDone;
    const end = performance.now() + PRESSED_STEP_MS;
    for (let left = PRESSED_STEP_MS; left > 0 && this.cycleIsDue(); left = end - performance.now()) {
      const seen = Atomics.load(mem, done);
      if (this.drive(STEP_BUDGET, left) !== ADVANCE_WAITING || this.background.run(STEP_BUDGET) > 0) continue;
      if (!this.layers.mutexes.mayBlock) return;
      Atomics.wait(mem, done, seen, left);
    }
  }

  private cycleIsDue(): boolean {
    return phaseOf(this.mem[this.gcAt + G.phase]!) !== PHASE_OFF || this.mem[this.gcAt + G.wanted] !== 0;
  }

  /** In how many ms this thread has something to do, where no background thread does it. */
  private idleDelay(): number {
    if (this.mem[this.gcAt + G.workers] !== 0) return Infinity;
    if (this.cycleIsDue()) return POLL_MS;
    return this.layers.scavenging.scavenger.dueIn / 1e6;
  }

  /** Gives memory back in the background, if that is due. */
  private scavenge(): void {
    const { scavenger } = this.layers.scavenging;
    if (scavenger.dueIn === 0) this.inSeat(() => { scavenger.step(); });
  }

  /** Does it in the driver's seat, if that is free. */
  private inSeat(work: () => void): void {
    if (!this.cycle.tryDrive()) return;
    try {
      work();
    } finally {
      this.cycle.stopDriving();
    }
  }

  private isFarBehind(): boolean {
    return this.mem[this.gcAt + G.heapLive]! * BYTES > this.pacer.nextGoal * FAR_BEHIND || this.isOverLimitedGoal();
  }

  /** Whether the heap is over its goal under a memory limit, which unlike growth is not to be passed. */
  private isOverLimitedGoal(): boolean {
    return this.pacer.memoryLimit < NO_LIMIT && this.mem[this.gcAt + G.heapLive]! * BYTES > this.pacer.nextGoal;
  }

  /** Drives the cycle for about `ms`, until it waits or there is nothing to do. Returns the last ADVANCE_ code; waiting, when somebody else drives. */
  private drive(budget: number, ms: number): number {
    if (!this.cycle.tryDrive()) return ADVANCE_WAITING;
    const end = performance.now() + ms;
    try {
      for (;;) {
        const result = this.cycle.advance(budget);
        if (result === ADVANCE_IDLE || result === ADVANCE_WAITING || performance.now() >= end) return result;
      }
    } finally {
      this.cycle.stopDriving();
    }
  }

  // Cycles by request.

  /** Asks for a cycle; the number of the one that will have begun after this. */
  request(): number {
    const begun = Atomics.load(this.mem, this.gcAt + G.cyclesBegun);
    this.refill.want(WANTED_BY_REQUEST);
    return begun + 1;
  }

  /** Whether that cycle is over, its sweep included. */
  isSwept(cycle: number): boolean {
    return ((Atomics.load(this.mem, this.gcAt + G.cyclesSwept) - cycle) | 0) >= 0;
  }

  /** One piece of waiting for a cycle: drives it where nobody else does. Returns how many ms to rest before the next. */
  waitStep(): number {
    if (Atomics.load(this.mem, this.gcAt + G.workers) !== 0) return POLL_MS;
    return this.drive(IDLE_BUDGET, POLL_MS) === ADVANCE_WAITING ? POLL_MS : 0;
  }

  /** A whole cycle, which begins after the call; resolves when all is swept. @throws HeapError `ERR_TURN` inside heap.turn(fn). */
  async gc(): Promise<void> {
    this.turns.endNow("heap.gc()");
    const cycle = this.request();
    while (!this.isSwept(cycle)) {
      const ms = this.waitStep();
      // To the event loop in any case: another turn of this thread may have to end.
      await new Promise<void>((resolve) => setTimeout(resolve, ms));
    }
    this.turns.safepoint();
  }

  /** As `gc`, blocking this thread. */
  gcSync(): void {
    this.turns.endNow("heap.gcSync()");
    const cycle = this.request();
    while (!this.isSwept(cycle)) {
      const ms = this.waitStep();
      // A browser's main thread may not sleep: it looks again.
      if (ms > 0 && this.layers.mutexes.mayBlock) Atomics.wait(this.mem, this.gcAt + G.cyclesSwept, Atomics.load(this.mem, this.gcAt + G.cyclesSwept), ms);
    }
    this.turns.safepoint();
  }

  /** How many words the markers of all threads found that should hold a ref and did not, and what one of the last held. */
  badPointers(): { readonly count: number; readonly last: number } {
    const { mem } = this;
    const { processors } = this.layers;
    const { badPointers, lastBad } = WorkRecord.offset;
    let count = 0;
    let last = 0;
    for (let id = 0; id < processors.length; id++) {
      const work = mem[processors.gcOf(id) + P.work]!;
      if (work === 0 || Atomics.load(mem, work + badPointers) === 0) continue;
      count += Atomics.load(mem, work + badPointers) >>> 0;
      last = Atomics.load(mem, work + lastBad) >>> 0;
    }
    return { count, last };
  }

  /** Whether there is no work buffer for a marker to take. */
  nothingToTake(): boolean {
    return this.marker.nothingToTake();
  }

  /** Whom a cycle waits for; undefined when it waits for nobody. */
  heldUpBy(): HeldUp | undefined {
    return this.cycle.heldUpBy();
  }

  // What an allocation asks for (CollectorHooks of allocator.ts).

  beforeLarge(nbytes: number): void {
    this.refill.beforeSpan(nbytes);
    this.layers.sweeper!.reclaim(nbytes / PAGE_SIZE);
  }

  afterLarge(spanClass: number, nbytes: number): void {
    this.refill.countLive(spanClass, nbytes, 1);
  }

  makeRoom(nbytes: number): boolean {
    const { sweeper } = this.layers;
    const npages = Math.ceil(nbytes / PAGE_SIZE);
    const end = performance.now() + ROOM_MS;
    // Past its grace period a cycle needs nothing of this turn but polls, so it can be brought to its end from here.
    for (let step = this.cycle.step; step >= STEP_DRAIN && performance.now() < end; step = this.cycle.step) {
      this.mutator.poll();
      sweeper!.reclaim(npages);
      sweeper!.sweepOne();
      this.drive(IDLE_BUDGET, POLL_MS);
    }
    while (sweeper!.sweepOne() !== 0);
    // What this turn still holds up can be collected after its end.
    if (this.cycle.step <= STEP_GRACE) this.request();
    this.layers.releaseAll();
    return true;
  }

  /**
   * Scans every marked object once more, span by span: each is really scanned, since the stack has room for what one span has, so each round of this marks something
   * more or is the last, however little memory there is for work.
   */
  private rescan(): void {
    for (const s of allSpans(this.layers)) {
      this.marker.rescanMarked(s);
      this.marker.drain(Infinity);
    }
    this.marker.flushLocal();
  }

  /** A second, plain mark while nothing is swept yet. What it finds stays in the region, for whoever verifies the heap. */
  private checkMarks(): void {
    const mem = this.mem;
    for (const { addr, from } of findLost(this.checkParts)) {
      Atomics.add(mem, this.gcAt + G.lostObjects, 1);
      Atomics.store(mem, this.gcAt + G.lostAddr, addr | 0);
      Atomics.store(mem, this.gcAt + G.lostFrom, from | 0);
    }
  }
}
