/**
 * How the driver learns that every P has taken notice: never by stopping one, only by looking.
 *
 *     acked(word)        every P in a turn has acked that phase word. A P in no turn polls when it begins one.
 *     grace              every P that was in a turn when it began has passed a turn's end since
 *     flushed            every P in a turn has handed over what it had shaded when the round began; one in no turn has nothing
 *     released(word)     every P has let go of its cached spans; for one in no turn the driver does it, having claimed it
 *
 * Each is asked again and again; none waits. A P that stays in one turn holds all of them up, and nothing else does: `heldUpBy` says who and
 * since when.
 *
 * Loads here pair with the stores in Mutator; the order of the driver's own stores and these loads is what turn-word.ts relies on.
 */
import type { Ptr, Region } from "@mallocgc/sysmem";
import { GcProcessor, GcRecord } from "./gc-record.ts";
import { CLAIMED, ONE_TURN, inTurn } from "./turn-word.ts";

const { flushSeq: FLUSH_SEQ } = GcRecord.offset;
const { phaseSeen: PHASE_SEEN, turn: TURN, flushSeen: FLUSH_SEEN, graceTurn: GRACE_TURN, turnSince: TURN_SINCE } = GcProcessor.offset;

/** The Ps of a heap, as the collector needs them. */
export interface Processors {
  readonly length: number;
  /** Whether a thread is that P. */
  isRunning(id: number): boolean;
  /** The collector's part of its record. */
  gcRecordOf(id: number): Ptr;
  /** Hands back the cached spans of a P, stale ones swept, and drops its tiny block; it allocates black no more. For a thread that has claimed it. */
  releaseCaches(id: number): void;
}

/** A P that has not done what the driver waits for. */
export interface HeldUp {
  readonly processorId: number;
  readonly ms: number;
}

/** Whether the P with that record has still to do what is waited for. */
export type Behind = (at: Ptr) => boolean;

/** What the driver asks of all Ps. */
export class Handshake {
  private readonly mem: Int32Array;
  private readonly gc: Ptr;
  private readonly processors: Processors;

  constructor(region: Region, gc: Ptr, processors: Processors) {
    this.mem = region.i32;
    this.gc = gc;
    this.processors = processors;
  }

  /** Whether every P in a turn has acked the phase word. */
  acked(word: number): boolean {
    return this.none(this.behindPhase(word));
  }

  /** Of Ps that have not acked the phase word. */
  behindPhase(word: number): Behind {
    return (at) => Atomics.load(this.mem, at + PHASE_SEEN) !== word;
  }

  /** Begins the grace period: notes which turns are under way. */
  beginGrace(): void {
    const { mem } = this;
    for (const at of this.running()) mem[at + GRACE_TURN] = Atomics.load(mem, at + TURN);
  }

  /** Whether every turn noted by `beginGrace` has ended. A P that came later began its turn later. */
  gracePassed(): boolean {
    return this.none(this.behindGrace());
  }

  /** Of Ps in a turn that `beginGrace` noted. */
  behindGrace(): Behind {
    return (at) => Atomics.load(this.mem, at + TURN) === this.mem[at + GRACE_TURN];
  }

  /** Begins a round of flushing. */
  requestFlush(): void {
    Atomics.add(this.mem, this.gc + FLUSH_SEQ, 1);
  }

  /** Whether every P in a turn has answered the round. */
  flushed(): boolean {
    return this.none(this.behindFlush());
  }

  /** Of Ps that have not answered the round. */
  behindFlush(): Behind {
    const round = Atomics.load(this.mem, this.gc + FLUSH_SEQ);
    return (at) => Atomics.load(this.mem, at + FLUSH_SEEN) !== round;
  }

  /** Whether every P has acked SWEEP; acks for those that rest. */
  released(word: number): boolean {
    const { mem, processors } = this;
    let all = true;
    for (let id = 0; id < processors.length; id++) {
      if (!processors.isRunning(id)) continue;
      const at = processors.gcRecordOf(id);
      if (Atomics.load(mem, at + PHASE_SEEN) !== word && !this.releaseResting(id, at, word)) all = false;
    }
    return all;
  }

  private releaseResting(id: number, at: Ptr, word: number): boolean {
    const { mem } = this;
    const turn = Atomics.load(mem, at + TURN);
    if (inTurn(turn) || (turn & CLAIMED) !== 0 || Atomics.compareExchange(mem, at + TURN, turn, turn | CLAIMED) !== turn) return false;
    try {
      if (Atomics.load(mem, at + PHASE_SEEN) !== word) {
        this.processors.releaseCaches(id);
        Atomics.store(mem, at + PHASE_SEEN, word);
      }
    } finally {
      Atomics.store(mem, at + TURN, (turn + ONE_TURN) | 0);
      Atomics.notify(mem, at + TURN);
    }
    return true;
  }

  /** Who in a turn has been waited for the longest, when `nowMs` is the time; undefined when nobody in a turn is `behind`. Call it while waiting. */
  heldUpBy(nowMs: number, behind: Behind): HeldUp | undefined {
    const { mem, processors } = this;
    let worst: HeldUp | undefined;
    for (let id = 0; id < processors.length; id++) {
      const at = processors.gcRecordOf(id);
      const turn = Atomics.load(mem, at + TURN);
      if (!processors.isRunning(id) || !inTurn(turn) || !behind(at)) {
        mem[at + TURN_SINCE] = 0;
        continue;
      }
      // The turn's number and the time share nothing: a new turn is told by its number, kept beside. Read once: others may look, and write, at the same time.
      let since = mem[at + TURN_SINCE]!;
      if (since === 0 || mem[at + TURN_SINCE + 1] !== turn) {
        since = nowMs & 0x7fffffff || 1;
        mem[at + TURN_SINCE] = since;
        mem[at + TURN_SINCE + 1] = turn;
      }
      // The difference of two times modulo 2^31, with its sign; never below 0, for the clocks of two drivers differ a little.
      const ms = Math.max(0, (((nowMs & 0x7fffffff) - since) << 1) >> 1);
      if (worst === undefined || ms > worst.ms) worst = { processorId: id, ms };
    }
    return worst;
  }

  /** The collector's records of all Ps that a thread is. */
  *running(): Generator<Ptr> {
    const { processors } = this;
    for (let id = 0; id < processors.length; id++) if (processors.isRunning(id)) yield processors.gcRecordOf(id);
  }

  /** Whether no P in a turn is `behind`. */
  private none(behind: Behind): boolean {
    for (const at of this.running()) if (inTurn(Atomics.load(this.mem, at + TURN)) && behind(at)) return false;
    return true;
  }
}
