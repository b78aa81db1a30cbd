/**
 * A P as the collector sees it: its turns, its polls, its write barrier.
 *
 *     enter / leave / safepoint     the turn word; a turn's end hands over all this P has shaded
 *     poll                          takes notice of the phase and of a request to flush: two plain reads, seldom more
 *     storeRef                      one plain read more than a store while no cycle marks
 *
 * Acks. A poll that finds another phase word than `phaseSeen` does what the phase asks, in this order, and then says so:
 *
 *     ARM                              the barrier is on: from here on stores shade
 *     MARK, TERM                       and what this P allocates counts as marked; its tiny block is dropped. Not before: a black object is not scanned,
 *                                      so every store into it has to shade, also those of a P that has not noticed ARM yet
 *     SWEEP                            the grey buffer is thrown away (all that is reachable is marked); nothing is black any more; the cached
 *                                      spans go back, stale ones swept on the way
 *
 * The phase may move on while an operation is under way; the P then still behaves as it has acked, and the protocol (docs/collector.md)
 * allows for that: it is the ack that others wait for. After its own poll an operation looks at what was acked, not at the phase.
 *
 * New objects count as marked without a mark (Cache.setBlack), so a flush leaves them out: else a program that allocates would always have
 * something to hand over, and marking would not end.
 *
 * Invariant: a P in no turn has an empty grey buffer, and no work of its own.
 */
import type { Cache, Tiny } from "@mallocgc/mcache";
import { MSpan, type Marks, type SpanPtr, type Spans } from "@mallocgc/mspan";
import type { Ptr, Region } from "@mallocgc/sysmem";
import { signOff } from "./background-marker.ts";
import { GREY_ENTRIES, GcProcessor, GcRecord } from "./gc-record.ts";
import type { Marker } from "./marker.ts";
import { PHASE_ARM, PHASE_MARK, PHASE_OFF, PHASE_SWEEP, PHASE_TERM, phaseOf } from "./phase.ts";
import type { Barrier } from "./root-source.ts";
import { STEP_GRACE } from "./step.ts";
import type { LeaveOutNew } from "./sweep-span.ts";
import { recordTime } from "./time-histogram.ts";
import { CLAIMED, IN_TURN, ONE_TURN } from "./turn-word.ts";

const {
  phase: PHASE, flushSeq: FLUSH_SEQ, wake: WAKE, workSeq: WORK_SEQ, revived: REVIVED, maxStallUs: G_MAX_STALL, maxPauseNs: G_MAX_PAUSE,
  step: CYCLE_STEP, idleMarkers: IDLE, markGen: MARK_GEN,
} = GcRecord.offset;
const {
  phaseSeen: PHASE_SEEN, turn: TURN, flushSeen: FLUSH_SEEN, graceTurn: GRACE_TURN, greyLen: GREY_LEN, grey: GREY, maxStallUs: MAX_STALL, marking: MARKING,
  pauses: PAUSES,
} = GcProcessor.offset;
const { sweepgen: SWEEPGEN } = MSpan.offset;
const ENTRIES = GREY_ENTRIES;
const OFF = PHASE_OFF;
const ARM = PHASE_ARM;
const MARK = PHASE_MARK;
const TERM = PHASE_TERM;
const SWEEP = PHASE_SWEEP;
const GRACE = STEP_GRACE;
const TURN_BIT = IN_TURN;
const CLAIMED_BIT = CLAIMED;
const STEP = ONE_TURN;
/** The longest single sleep for a claimed turn word; the claim lasts microseconds. */
const CLAIM_SLICE_MS = 10;
/** The longest pause that its word holds. */
const MAX_PAUSE_NS = 0xffffffff;

/** What finds spans for addresses; mheap's page heap is one. */
export interface SpanFinder {
  spanOf(addr: number): SpanPtr;
}

/** One P's part in the collection, for the thread that is that P. */
export class Mutator implements Barrier {
  readonly mem: Int32Array;
  private readonly f64: Float64Array;
  /** The collector's record. */
  readonly gc: Ptr;
  /** This P's part of it. */
  readonly at: Ptr;
  private readonly phaseAt: number;
  private readonly cache: Cache;
  private readonly tiny: Tiny;
  private readonly marker: Marker;
  private readonly spans: Spans;
  private readonly marks: Marks;
  private readonly finder: SpanFinder;
  private readonly mayBlock: boolean;
  private readonly leaveOutNew: LeaveOutNew;
  private readonly grey: number;

  constructor(region: Region, gc: Ptr, at: Ptr, cache: Cache, tiny: Tiny, marker: Marker, spans: Spans, marks: Marks, finder: SpanFinder, leaveOutNew: LeaveOutNew, mayBlock: boolean) {
    this.mem = region.i32;
    this.f64 = region.f64;
    this.gc = gc;
    this.at = at;
    this.phaseAt = gc + PHASE;
    this.cache = cache;
    this.tiny = tiny;
    this.marker = marker;
    this.spans = spans;
    this.marks = marks;
    this.finder = finder;
    this.leaveOutNew = leaveOutNew;
    this.mayBlock = mayBlock;
    this.grey = region.i32[at + GREY]!;
  }

  /** The phase word, by a plain read. */
  phase(): number {
    return this.mem[this.phaseAt]!;
  }

  /** Begins a turn, and takes notice of the phase. */
  enter(): void {
    const mem = this.mem;
    const at = this.at + TURN;
    for (;;) {
      // Pairs with the driver's load (handshake.ts) and its claim: see turn-word.ts.
      const word = Atomics.load(mem, at);
      if ((word & CLAIMED_BIT) !== 0) this.waitWhileClaimed();
      else if (Atomics.compareExchange(mem, at, word, word | TURN_BIT) === word) break;
    }
    // Atomic, unlike that of a poll: a plain load may be done before the exchange above is seen by others, and then neither this P nor the driver notices the other.
    if (Atomics.load(mem, this.phaseAt) !== mem[this.at + PHASE_SEEN]) this.pollSlow();
    else this.poll();
  }

  /** The driver acts for this P: a matter of microseconds. */
  private waitWhileClaimed(): void {
    const mem = this.mem;
    const at = this.at + TURN;
    const start = performance.now();
    for (let word = Atomics.load(mem, at); (word & CLAIMED_BIT) !== 0; word = Atomics.load(mem, at)) {
      if (this.mayBlock) Atomics.wait(mem, at, word, CLAIM_SLICE_MS);
    }
    this.notePause(start);
  }

  /** Claims this P, which is in no turn, for good: the thread leaves the heap. Whoever is this P next begins anew. */
  claimSelf(): void {
    const mem = this.mem;
    const at = this.at + TURN;
    for (;;) {
      const word = Atomics.load(mem, at);
      if ((word & CLAIMED_BIT) === 0 && Atomics.compareExchange(mem, at, word, word | CLAIMED_BIT) === word) return;
    }
  }

  /** Claims this P although its thread may be in a turn: it has died. False when somebody else has claimed it. */
  claimDead(): boolean {
    const at = this.at + TURN;
    // Pairs with the other claims: of two, one finds the bit clear.
    return (Atomics.or(this.mem, at, CLAIMED_BIT) & CLAIMED_BIT) === 0;
  }

  /** Ends the turn. No address in a variable is valid from here on. */
  leave(): void {
    this.poll();
    if (this.mem[this.at + GREY_LEN] !== 0) this.flush();
    const turn = this.mem[this.at + TURN]!;
    // Pairs with the driver's loads: who sees the turn ended sees what it has handed over.
    Atomics.store(this.mem, this.at + TURN, ((turn & ~TURN_BIT) + STEP) | 0);
    this.wakeIfAwaited(turn);
  }

  /** Ends a turn and begins the next at once: no address in a variable is valid from here on. */
  safepoint(): void {
    // As in leave and enter: the driver may see the turn change, never end.
    const turn = Atomics.add(this.mem, this.at + TURN, STEP);
    this.poll();
    this.wakeIfAwaited(turn);
  }

  /** Takes notice of the phase and of a request to flush. At an operation's edge only. */
  poll(): void {
    const mem = this.mem;
    // Plain: a change that this misses is noticed at the next poll; until then nobody goes on without this P.
    if (mem[this.phaseAt] !== mem[this.at + PHASE_SEEN] || mem[this.gc + FLUSH_SEQ] !== mem[this.at + FLUSH_SEEN]) this.pollSlow();
  }

  private pollSlow(): void {
    const mem = this.mem;
    const start = performance.now();
    // Pairs with the driver's stores: what it wrote before them is seen.
    const word = Atomics.load(mem, this.phaseAt);
    if (word !== mem[this.at + PHASE_SEEN]) this.ack(word);
    const round = Atomics.load(mem, this.gc + FLUSH_SEQ);
    if (round !== mem[this.at + FLUSH_SEEN]) {
      this.flush();
      // Pairs with the driver's load: the flush is done.
      Atomics.store(mem, this.at + FLUSH_SEEN, round);
    }
    this.wakeDriver();
    this.notePause(start);
  }

  private ack(word: number): void {
    const phase = phaseOf(word);
    // Left from the last cycle, when the barrier is only now turned on.
    if ((phase & 1) === 1 && !this.barrierOn()) this.mem[this.at + GREY_LEN] = 0;
    if (phase === MARK || phase === TERM) {
      if (!this.cache.black) {
        this.tiny.closeCurrent();
        this.cache.setBlack(Atomics.load(this.mem, this.gc + MARK_GEN));
      }
    } else if (phase === SWEEP || this.cache.black) {
      this.releaseForSweep();
    }
    // Pairs with the driver's load: all of the above is done.
    Atomics.store(this.mem, this.at + PHASE_SEEN, word);
  }

  private releaseForSweep(): void {
    this.mem[this.at + GREY_LEN] = 0;
    this.marker.discard();
    this.cache.setWhite();
    this.tiny.closeCurrent();
    this.cache.releaseAll();
  }

  /** Marks what this P has shaded, and hands the work over. */
  flush(): void {
    const mem = this.mem;
    const n = mem[this.at + GREY_LEN]!;
    if (n === 0 || !this.barrierOn() || !this.announceMarking()) {
      mem[this.at + GREY_LEN] = 0;
      return;
    }
    this.marker.markRange(this.grey as Ptr, this.leaveOutNew(this.grey as Ptr, n));
    if (this.marker.pending !== 0) {
      // Before the hand-over. Pairs with the driver's look at workSeq: a round in which somebody handed something over is not the last.
      Atomics.add(mem, this.gc + WORK_SEQ, 1);
      this.marker.flushLocal();
    }
    // Not before: if this thread dies on the way, who takes over marks them again.
    mem[this.at + GREY_LEN] = 0;
    signOff(mem, this.gc, this.at);
  }

  /**
   * Says that this P is about to mark, and looks whether it may: not when marking is over, although this P has not noticed it yet. A mark in a span that is swept by
   * then would stay till the next cycle, and the object count as scanned in it. All that is reachable is marked then, so there is nothing to hand over.
   */
  private announceMarking(): boolean {
    const mem = this.mem;
    for (;;) {
      // Pairs with Cycle.tryFinish, which stores TERM, then loads this: here it is stored, then the phase is loaded. One of the two sees the other.
      Atomics.store(mem, this.at + MARKING, 1);
      const phase = phaseOf(Atomics.load(mem, this.phaseAt));
      if (phase === MARK || phase === ARM) return true;
      Atomics.store(mem, this.at + MARKING, 0);
      // TERM: the decision is some instructions of the driver away.
      if (phase !== TERM) return false;
    }
  }

  /** Whether this P has acked that stores shade. */
  private barrierOn(): boolean {
    return (this.mem[this.at + PHASE_SEEN]! & 1) !== 0;
  }

  /** Stores a ref at byte address `addr`: a field of an object, or a root. */
  storeRef(addr: number, value: number): void {
    const mem = this.mem;
    if ((mem[this.phaseAt]! & 1) !== 0) this.storeRefSlow(addr, value);
    else mem[addr >>> 2] = value;
  }

  private storeRefSlow(addr: number, value: number): void {
    const mem = this.mem;
    this.poll();
    if (this.barrierOn()) {
      // A plain read: what another thread stores here at the same time, that thread shades.
      this.shadeValue(mem[addr >>> 2]!);
      this.shadeValue(value);
    }
    // Atomic, so that a marker that reads the ref finds the object behind it initialised.
    Atomics.store(mem, addr >>> 2, value);
  }

  /** Stores `value` if the word holds `expected`; returns what it held, as an unsigned number. */
  compareExchangeRef(addr: number, expected: number, value: number): number {
    const mem = this.mem;
    if ((mem[this.phaseAt]! & 1) !== 0) this.poll();
    const old = Atomics.compareExchange(mem, addr >>> 2, expected | 0, value | 0);
    // Shaded after the exchange, which is as good: this P's buffer is looked at only when it polls.
    if (old === (expected | 0) && this.barrierOn()) {
      this.shadeValue(old);
      this.shadeValue(value);
    }
    return old >>> 0;
  }

  /** Marks the object at `addr` in the cycle under way. Nothing while this P's barrier is off. */
  shade(addr: number): void {
    if (this.barrierOn()) this.shadeValue(addr);
  }

  private shadeValue(value: number): void {
    if (value === 0) return;
    const mem = this.mem;
    const n = mem[this.at + GREY_LEN]!;
    mem[this.grey + n] = value;
    mem[this.at + GREY_LEN] = n + 1;
    if (n + 1 === ENTRIES) this.flush();
  }

  /**
   * The object that a weak ref's word leads to, kept alive for this turn; 0 when it has died. Go's makeStrongFromWeak.
   *
   * The word is read after the phase. In MARK all sweeping was over before (whoever sweeps acks ARM after that), so what the word leads to was kept by it, and may be shaded. In any
   * other phase nothing need be shaded: up to ARM, because the cycle will wait for this turn's end; and in SWEEP marking is over.
   */
  makeStrongFromWeak(word: number): number {
    const mem = this.mem;
    this.poll();
    for (;;) {
      const phase = phaseOf(Atomics.load(mem, this.phaseAt));
      const addr = Atomics.load(mem, word) >>> 0;
      if (addr === 0) return 0;
      // The decision is some instructions of the driver away.
      if (phase === TERM) continue;
      if (phase !== MARK) {
        if (!this.survives(addr)) return 0;
      } else if (!this.isAlive(addr)) {
        this.shadeValue(addr);
        // Pairs with the driver: it stores TERM, then loads this; here it is added to, then the phase is loaded.
        Atomics.add(mem, this.gc + REVIVED, 1);
        if (phaseOf(Atomics.load(mem, this.phaseAt)) !== MARK) continue;
      }
      // The sweep clears the word before it gives the slot away: if the address is still there, the answer was about our object, and not about another in its place.
      return Atomics.load(mem, word) >>> 0 === addr ? addr : 0;
    }
  }

  private isAlive(addr: number): boolean {
    const s = this.finder.spanOf(addr);
    return s !== 0 && this.marks.isAlive(s, this.spans.slotOf(s, addr));
  }

  /** From SWEEP to ARM: whether the object outlives the sweep. Its span may be unswept, being swept, or swept; if its pages are used again, the answer is about another object. */
  private survives(addr: number): boolean {
    const mem = this.mem;
    for (;;) {
      const s = this.finder.spanOf(addr);
      if (s === 0) return false;
      const h = Atomics.load(mem, this.spans.heapSweepgen);
      // Pairs with the sweeper's changes of the span's sweepgen, before it touches the bits and after.
      const gen = Atomics.load(mem, s + SWEEPGEN);
      if (gen === h || gen === h + 3) return true;
      if (gen === h - 1) continue;
      const alive = this.marks.isAlive(s, this.spans.slotOf(s, addr));
      if (Atomics.load(mem, s + SWEEPGEN) === gen) return alive;
    }
  }

  /** Whether a driver may be waiting for this P. */
  private phaseActive(): boolean {
    const phase = phaseOf(this.mem[this.phaseAt]!);
    return phase !== OFF;
  }

  /** A turn has ended: wakes a driver that waits for just that, or for a poll that has not come. By plain reads, since who waits looks again in some ms anyway. */
  private wakeIfAwaited(turn: number): void {
    const { mem, gc, at } = this;
    const awaited = mem[gc + CYCLE_STEP] === GRACE && mem[at + GRACE_TURN] === turn;
    if (awaited || mem[this.phaseAt] !== mem[at + PHASE_SEEN] || mem[gc + FLUSH_SEQ] !== mem[at + FLUSH_SEEN]) this.wakeDriver();
  }

  /** Wakes a driver that waits for this P. Costs nothing while no cycle is under way. */
  private wakeDriver(): void {
    if (!this.phaseActive()) return;
    // Pairs with the sleeper, who first counts itself as idle and then looks at `wake`: either it finds the word changed, or it is counted here.
    Atomics.add(this.mem, this.gc + WAKE, 1);
    if (Atomics.load(this.mem, this.gc + IDLE) !== 0) Atomics.notify(this.mem, this.gc + WAKE);
  }

  /** The longest that an operation of this P was held up by the collector, in us. */
  get maxStallUs(): number {
    return this.mem[this.at + MAX_STALL]!;
  }

  /** Notes that a handshake has held this P up since `start` (ms, of this thread's clock): see pause-log.ts. */
  private notePause(start: number): void {
    const mem = this.mem;
    const ns = Math.round((performance.now() - start) * 1e6);
    recordTime(this.f64, mem[this.at + PAUSES]! as Ptr, ns);
    const pause = ns > MAX_PAUSE_NS ? MAX_PAUSE_NS : ns;
    for (let max = mem[this.gc + G_MAX_PAUSE]!; pause > max >>> 0; ) {
      // Pairs with the driver's exchange at the end of marking.
      const seen = Atomics.compareExchange(mem, this.gc + G_MAX_PAUSE, max, pause | 0);
      if (seen === max) break;
      max = seen;
    }
    this.noteStall(start);
  }

  /** Notes that an operation was held up since `start` (ms, of this thread's clock). */
  noteStall(start: number): void {
    const us = Math.ceil((performance.now() - start) * 1000);
    const mem = this.mem;
    if (us > mem[this.at + MAX_STALL]!) mem[this.at + MAX_STALL] = us;
    if (us > mem[this.gc + G_MAX_STALL]!) Atomics.store(mem, this.gc + G_MAX_STALL, us);
  }
}
