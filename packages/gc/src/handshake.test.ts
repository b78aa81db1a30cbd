import { createRegion, type Ptr, type Region } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { GcProcessor, GcRecord } from "./gc-record.ts";
import { Handshake, type Processors } from "./handshake.ts";
import { PHASE_ARM, PHASE_MARK, PHASE_SWEEP, phaseWord } from "./phase.ts";
import { CLAIMED, IN_TURN, ONE_TURN } from "./turn-word.ts";

const P = GcProcessor.offset;
const GC = 64 as Ptr;
const FIRST_P = 256;
const ARM = phaseWord(1, PHASE_ARM);
const MARK = phaseWord(1, PHASE_MARK);
const SWEEP = phaseWord(1, PHASE_SWEEP);

/** Three Ps that are nothing but their words; what the driver gave back for them is noted. */
class Scene implements Processors {
  readonly length = 3;
  readonly released: number[] = [];
  readonly running = new Set([0, 1]);
  private readonly region: Region = createRegion(1 << 20, true);
  readonly mem: Int32Array = this.region.i32;
  readonly handshake = new Handshake(this.region, GC, this);

  isRunning(id: number): boolean {
    return this.running.has(id);
  }
  gcRecordOf(id: number): Ptr {
    return (FIRST_P + id * GcProcessor.words) as Ptr;
  }
  releaseCaches(id: number): void {
    expect(this.turn(id) & CLAIMED).toBe(CLAIMED);
    this.released.push(id);
  }
  set(id: number, field: keyof typeof P, value: number): void {
    this.mem[this.gcRecordOf(id) + P[field]] = value;
  }
  turn(id: number): number {
    return this.mem[this.gcRecordOf(id) + P.turn]!;
  }
}

describe("acked", () => {
  test("waits for a P in a turn, until that has written the very phase word", () => {
    const s = new Scene();
    s.set(0, "turn", IN_TURN);
    expect(s.handshake.acked(ARM)).toBe(false);
    s.set(0, "phaseSeen", phaseWord(2, PHASE_ARM));
    expect(s.handshake.acked(ARM)).toBe(false);
    s.set(0, "phaseSeen", ARM);
    expect(s.handshake.acked(ARM)).toBe(true);
    expect(s.handshake.acked(MARK)).toBe(false);
  });

  test("waits for no P that rests, and for no place without a thread", () => {
    const s = new Scene();
    s.set(2, "turn", IN_TURN);
    expect(s.handshake.acked(ARM)).toBe(true);
  });
});

describe("grace", () => {
  test("is over when every turn of its beginning has ended, whatever began since", () => {
    const s = new Scene();
    s.set(0, "turn", IN_TURN);
    s.handshake.beginGrace();
    expect(s.handshake.gracePassed()).toBe(false);
    s.set(1, "turn", IN_TURN + ONE_TURN);
    expect(s.handshake.gracePassed()).toBe(false);
    s.set(0, "turn", IN_TURN + ONE_TURN);
    expect(s.handshake.gracePassed()).toBe(true);
  });

  test("a turn that ends and is followed by none is over too", () => {
    const s = new Scene();
    s.set(0, "turn", IN_TURN);
    s.handshake.beginGrace();
    s.set(0, "turn", ONE_TURN);
    expect(s.handshake.gracePassed()).toBe(true);
  });
});

test("a round of flushing waits for the answer of each P in a turn to that round, not to one before", () => {
  const s = new Scene();
  s.set(0, "turn", IN_TURN);
  s.handshake.requestFlush();
  expect(s.handshake.flushed()).toBe(false);
  s.set(0, "flushSeen", s.mem[GC + GcRecord.offset.flushSeq]!);
  expect(s.handshake.flushed()).toBe(true);
  s.handshake.requestFlush();
  expect(s.handshake.flushed()).toBe(false);
});

describe("released", () => {
  test("hands back the spans of a P that rests, claimed meanwhile, and acks for it", () => {
    const s = new Scene();
    expect(s.handshake.released(SWEEP)).toBe(true);
    expect(s.released).toEqual([0, 1]);
    expect([s.turn(0) & (CLAIMED | IN_TURN), s.mem[s.gcRecordOf(0) + P.phaseSeen]]).toEqual([0, SWEEP]);
  });

  test("does it once: what has acked is left alone", () => {
    const s = new Scene();
    s.set(1, "phaseSeen", SWEEP);
    s.handshake.released(SWEEP);
    s.handshake.released(SWEEP);
    expect(s.released).toEqual([0]);
  });

  test("waits for a P in a turn, and for one that another has claimed", () => {
    const s = new Scene();
    s.set(0, "turn", IN_TURN);
    s.set(1, "turn", CLAIMED);
    expect(s.handshake.released(SWEEP)).toBe(false);
    expect([s.released, s.turn(0), s.turn(1)]).toEqual([[], IN_TURN, CLAIMED]);
    s.set(0, "phaseSeen", SWEEP);
    s.set(1, "turn", 0);
    expect(s.handshake.released(SWEEP)).toBe(true);
    expect(s.released).toEqual([1]);
  });

  test("the claim changes the turn word for good, so that a P that looked at it before does not take it for its own", () => {
    const s = new Scene();
    s.handshake.released(SWEEP);
    expect(s.turn(0)).toBe(ONE_TURN);
  });

  test("a claim is given up also when handing back fails", () => {
    const s = new Scene();
    s.releaseCaches = (): never => {
      throw new Error("no");
    };
    expect(() => s.handshake.released(SWEEP)).toThrow("no");
    expect(s.turn(0) & CLAIMED).toBe(0);
    expect(s.mem[s.gcRecordOf(0) + P.phaseSeen]).not.toBe(SWEEP);
  });
});

describe("heldUpBy", () => {
  const anyone = (): boolean => true;

  test("names nobody while all Ps rest", () => {
    expect(new Scene().handshake.heldUpBy(1000, anyone)).toBeUndefined();
  });

  test("names the P in a turn that has been waited for the longest, and for how long", () => {
    const s = new Scene();
    s.set(1, "turn", IN_TURN);
    expect(s.handshake.heldUpBy(1000, anyone)).toEqual({ processorId: 1, ms: 0 });
    s.set(0, "turn", IN_TURN);
    expect(s.handshake.heldUpBy(1500, anyone)).toEqual({ processorId: 1, ms: 500 });
    s.set(1, "turn", ONE_TURN);
    expect(s.handshake.heldUpBy(1700, anyone)).toEqual({ processorId: 0, ms: 200 });
  });

  test("names nobody who has done what is waited for, in however long a turn", () => {
    const s = new Scene();
    s.set(0, "turn", IN_TURN);
    const behind = s.handshake.behindPhase(ARM);
    expect(s.handshake.heldUpBy(1000, behind)?.processorId).toBe(0);
    s.set(0, "phaseSeen", ARM);
    expect(s.handshake.heldUpBy(9000, behind)).toBeUndefined();
    expect(s.handshake.heldUpBy(9500, s.handshake.behindPhase(MARK))).toEqual({ processorId: 0, ms: 0 });
  });

  test("another turn of the same P counts from its own beginning", () => {
    const s = new Scene();
    s.set(0, "turn", IN_TURN);
    s.handshake.heldUpBy(1000, anyone);
    s.set(0, "turn", IN_TURN + ONE_TURN);
    expect(s.handshake.heldUpBy(9000, anyone)).toEqual({ processorId: 0, ms: 0 });
    expect(s.handshake.heldUpBy(9010, anyone)).toEqual({ processorId: 0, ms: 10 });
  });

  test("counts on over the times at which the clock's low 31 bits are 0, or begin anew", () => {
    const s = new Scene();
    s.set(0, "turn", IN_TURN);
    const wrap = 2 ** 31 * 800;
    s.handshake.heldUpBy(wrap - 100, anyone);
    expect(s.handshake.heldUpBy(wrap + 50, anyone)?.ms).toBe(150);
    s.set(0, "turn", IN_TURN + ONE_TURN);
    s.handshake.heldUpBy(wrap, anyone);
    expect(s.handshake.heldUpBy(wrap + 500, anyone)?.ms).toBe(499);
  });

  test("is never negative, though the clock of who asks may be a little behind", () => {
    const s = new Scene();
    s.set(0, "turn", IN_TURN);
    s.handshake.heldUpBy(1000, anyone);
    expect(s.handshake.heldUpBy(997, anyone)?.ms).toBe(0);
  });
});
