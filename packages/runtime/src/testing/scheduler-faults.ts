/**
 * Planted faults: each takes one rule of the protocol away (docs/collector.md), by replacing methods of the objects of one world. That the scheduler finds them is how we know
 * that it would find such a fault in the code. Those it finds too seldom say so.
 *
 * One in so many runs finds each, on average, at some 150 to 600 runs a second, depending on what else the machine does:
 *
 *     white allocation 2    no old shade 42    no grace 61    cached span swept 179    no flush 188    no new shade 218    no ARM 469    somebody still marks 661
 *     no look for TERM 1400, of those that have weak refs    no workSeq 17 000    no look of a marker 40 000
 *
 * Any change of the code or of the programs shifts what a seed does, but hardly these.
 *
 * Nothing in the code knows of this: what is private there is described here once more, as far as it is needed.
 */
import { GcProcessor, GcRecord, ONE_TURN, IN_TURN, PHASE_ARM, PHASE_MARK, STEP_ARM, STEP_MARK, phaseOf, type Handshake } from "@mallocgc/gc";
import { MSpan, type SpanPtr } from "@mallocgc/mspan";
import { allSpans } from "../all-spans.ts";
import { ANYTHING, type Profile } from "./scheduler-profiles.ts";
import type { World } from "./scheduler-world.ts";
import type { TestP } from "./test-p.ts";

const G = GcRecord.offset;
const P = GcProcessor.offset;
const { sweepgen: SWEEPGEN } = MSpan.offset;

interface MutatorInside {
  readonly at: number;
  poll(): void;
  leave(): void;
  wakeDriver(): void;
  flush(): void;
  barrierOn(): boolean;
  shadeValue(addr: number): void;
  storeRefSlow(addr: number, value: number): void;
  compareExchangeRef(addr: number, expected: number, value: number): number;
  makeStrongFromWeak(word: number): number;
  isAlive(addr: number): boolean;
  survives(addr: number): boolean;
}

interface CollectorInside {
  readonly background: { readonly at: number; announce(): boolean };
}

interface CycleInside {
  readonly parts: { readonly handshake: Handshake };
  setPhase(phase: number): void;
  go(step: number): number;
  tryFinish(): number;
  someoneMarks(): boolean;
}

interface CacheInside {
  newFromHere(s: SpanPtr): void;
  blackenLarge(s: SpanPtr): void;
}

function mutatorOf(p: TestP): MutatorInside {
  return p.collector.mutator as unknown as MutatorInside;
}

function cycleOf(p: TestP): CycleInside {
  return p.collector.cycle as unknown as CycleInside;
}

/** Stores that shade what `shaded` says of old and new value. */
function shadeOnly(p: TestP, shaded: (old: number, value: number) => number): void {
  const m = mutatorOf(p);
  m.storeRefSlow = (addr, value): void => {
    m.poll();
    if (m.barrierOn()) m.shadeValue(shaded(Atomics.load(p.mem, addr >>> 2), value));
    Atomics.store(p.mem, addr >>> 2, value);
  };
  m.compareExchangeRef = (addr, expected, value): number => {
    m.poll();
    const old = Atomics.compareExchange(p.mem, addr >>> 2, expected | 0, value | 0);
    if (old === (expected | 0) && m.barrierOn()) m.shadeValue(shaded(old, value));
    return old >>> 0;
  };
}

/** A P that gives up its turn and keeps what it has shaded to itself. */
function keepBuffer(p: TestP): void {
  const m = mutatorOf(p);
  m.leave = (): void => {
    m.poll();
    Atomics.store(p.mem, m.at + P.turn, ((p.mem[m.at + P.turn]! & ~IN_TURN) + ONE_TURN) | 0);
    m.wakeDriver();
  };
}

/** Weak refs whose object is given out without another look at the phase. */
function reviveUnseen(p: TestP, gc: number): void {
  const m = mutatorOf(p);
  m.makeStrongFromWeak = (word): number => {
    m.poll();
    const phase = phaseOf(Atomics.load(p.mem, gc + G.phase));
    const addr = Atomics.load(p.mem, word) >>> 0;
    if (addr === 0) return 0;
    if ((phase & 1) === 0 || phase === PHASE_ARM) {
      if (!m.survives(addr)) return 0;
    } else if (!m.isAlive(addr)) {
      m.shadeValue(addr);
      Atomics.add(p.mem, gc + G.revived, 1);
    }
    return Atomics.load(p.mem, word) >>> 0 === addr ? addr : 0;
  };
}

/** Markers that do not look at the phase when they have announced themselves. */
function markUnseen(p: TestP, gc: number): void {
  const { background } = p.collector as unknown as CollectorInside;
  background.announce = (): boolean => {
    Atomics.add(p.mem, gc + G.workSeq, 1);
    Atomics.store(p.mem, background.at + P.marking, 1);
    return true;
  };
}

/** A sweeper that takes spans out of the mcaches of others: stale ones, which their holders alone may sweep. */
function sweepCached({ layers }: TestP): void {
  const { mem, spans, sweeper } = { mem: layers.region.i32, spans: layers.spans, sweeper: layers.sweeper! };
  const sweepOne = sweeper.sweepOne.bind(sweeper);
  sweeper.sweepOne = (): number => {
    const h = Atomics.load(mem, spans.heapSweepgen);
    for (const s of allSpans(layers)) {
      if (Atomics.compareExchange(mem, s + SWEEPGEN, h + 1, h - 1) !== h + 1) continue;
      sweeper.sweep(s);
      Atomics.store(mem, s + SWEEPGEN, h + 3);
      return spans.npages(s);
    }
    return sweepOne();
  };
}

/** A fault: what it leaves out, and how it is put into a world. */
export interface PlantedFault {
  readonly name: string;
  readonly plant: (world: World) => void;
  /** The kinds of runs that can find it, if not all can. */
  readonly profiles?: readonly Profile[];
  /** Found too seldom for a test to wait for it: the spin model is what holds this rule, and perhaps a story (scheduler-stories.ts). */
  readonly seldomFound?: boolean;
}

function forEachP(plant: (p: TestP, world: World) => void): (world: World) => void {
  return (world) => {
    for (const p of world.ps) plant(p, world);
  };
}

/** All of them. */
export const PLANTED_FAULTS: readonly PlantedFault[] = [
  {
    name: "no ARM: the cycle begins with MARK",
    plant: forEachP((p) => {
      const cycle = cycleOf(p);
      const { setPhase, go } = cycle;
      cycle.setPhase = (phase): void => { setPhase.call(cycle, phase === PHASE_ARM ? PHASE_MARK : phase); };
      cycle.go = (step): number => go.call(cycle, step === STEP_ARM ? STEP_MARK : step);
    }),
  },
  {
    name: "no grace: roots are marked while turns older than the barrier go on",
    plant: forEachP((p) => { cycleOf(p).parts.handshake.gracePassed = (): boolean => true; }),
  },
  { name: "no shade of the old value", plant: forEachP((p) => { shadeOnly(p, (_, value) => value); }) },
  { name: "no shade of the new value", plant: forEachP((p) => { shadeOnly(p, (old) => old); }) },
  {
    name: "white allocation: what is new while marking counts as unmarked",
    plant: forEachP((p) => {
      const cache = p.layers.cache as unknown as CacheInside;
      cache.newFromHere = (): void => undefined;
      cache.blackenLarge = (): void => undefined;
    }),
  },
  { name: "a span in somebody's mcache is swept", plant: forEachP(sweepCached) },
  { name: "no flush at a turn's end", plant: forEachP(keepBuffer) },
  { name: "a weak ref gives out its object without a look for TERM", profiles: [ANYTHING], plant: forEachP((p, { gc }) => { reviveUnseen(p, gc); }) },
  { name: "a marker does not look whether marking is under way", seldomFound: true, plant: forEachP((p, { gc }) => { markUnseen(p, gc); }) },
  {
    name: "marking ends without a look at workSeq",
    seldomFound: true,
    plant: forEachP((p, { gc }) => {
      const cycle = cycleOf(p);
      const { tryFinish } = cycle;
      cycle.tryFinish = (): number => {
        p.mem[gc + G.roundSeq] = Atomics.load(p.mem, gc + G.workSeq);
        return tryFinish.call(cycle);
      };
    }),
  },
  { name: "marking ends while another thread marks", plant: forEachP((p) => { cycleOf(p).someoneMarks = (): boolean => false; }) },
];
