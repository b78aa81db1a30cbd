/** Cycles step by step, for tests: a P in the driver's seat, which it never leaves, so that a cycle moves exactly when a test says so. */
import { ADVANCE_IDLE, ADVANCE_WAITING, GcProcessor, GcRecord, PHASE_NAMES, STEP_IDLE, STEP_NAMES, WANTED_BY_REQUEST, phaseOf } from "@mallocgc/gc";
import type { SpanPtr } from "@mallocgc/mspan";
import { allSpans } from "../all-spans.ts";
import type { TestHeap, TestP } from "./test-p.ts";

const G = GcRecord.offset;
const P = GcProcessor.offset;

/** Scan work that is no limit. */
export const ALL: number = 2 ** 40;
/** More steps than any test's cycle takes. */
const MANY = 100_000;

/** The driver of a test heap. */
export class Driver {
  readonly p: TestP;

  constructor(heap: TestHeap) {
    this.p = heap.attach();
    if (!this.p.collector.cycle.tryDrive()) throw new Error("somebody else drives");
  }

  get step(): string {
    return STEP_NAMES[this.p.collector.cycle.step]!;
  }

  get phase(): string {
    return PHASE_NAMES[phaseOf(this.word("phase"))]!;
  }

  /** A word of the collector's record. */
  word(field: keyof typeof G): number {
    return Atomics.load(this.p.mem, this.p.layers.plan.at("gc") + G[field]);
  }

  setWord(field: keyof typeof G, value: number): void {
    Atomics.store(this.p.mem, this.p.layers.plan.at("gc") + G[field], value);
  }

  advance(budget: number = ALL): number {
    return this.p.collector.cycle.advance(budget);
  }

  request(): void {
    this.setWord("wanted", this.word("wanted") | WANTED_BY_REQUEST);
  }

  /** Advances until the machine stands at that step. A cycle is asked for if none is under way. */
  to(step: number): void {
    if (this.p.collector.cycle.step === STEP_IDLE) this.request();
    for (let i = 0; i < MANY; i++) {
      if (this.p.collector.cycle.step === step && i > 0) return;
      const at = this.step;
      const result = this.advance();
      if (result === ADVANCE_WAITING || result === ADVANCE_IDLE) throw new Error(`the cycle stands at ${at}, on its way to ${STEP_NAMES[step]!}`);
    }
    throw new Error(`a cycle never came to ${STEP_NAMES[step]!}`);
  }

  /** Brings the cycle under way to its end, or a whole one. */
  finish(): void {
    this.to(STEP_IDLE);
  }
}

/** A word of a P's part of the collector's records. */
export function gcWord(p: TestP, field: keyof typeof P): number {
  return Atomics.load(p.mem, p.layers.processors.gcOf(p.processorId) + P[field]);
}

/** Whether the object at `addr` has a mark bit. */
export function isMarked({ layers }: TestP, addr: number): boolean {
  const s = layers.pages.spanOf(addr);
  return layers.marks.isMarked(s, layers.spans.slotOf(s, addr));
}

/** Whether the object at `addr` is there: it was handed out, and not swept away. */
export function isThere({ layers }: TestP, addr: number): boolean {
  const s = layers.pages.spanOf(addr);
  return s !== 0 && layers.spans.wasHandedOutConfirmed(s, layers.spans.slotOf(s, addr));
}

/** All spans in use. */
export function spansOf({ layers }: TestP): SpanPtr[] {
  return [...allSpans(layers)];
}

/** Runs `fn` in a turn of that P, and does nothing besides at its end. */
export function inTurn<T>(p: TestP, fn: () => T): T {
  p.collector.mutator.enter();
  p.collector.turns.open = true;
  try {
    return fn();
  } finally {
    p.collector.turns.open = false;
    p.collector.mutator.leave();
  }
}

/** A list of `n` nodes, of which each is met only once the one before is scanned; the address of its head. */
export function list(p: TestP, n: number): number {
  let head = 0;
  for (let i = 0; i < n; i++) head = p.node(head);
  return head;
}

/** A word that a weak ref could have, with that address in it. */
export function wordWith(p: TestP, addr: number): number {
  const word = p.layers.pages.persistentAlloc(4, 4) >>> 2;
  p.mem[word] = addr;
  return word;
}

/** Whether a weak ref to the object gives it out. */
export function revives(p: TestP, addr: number): boolean {
  return p.collector.mutator.makeStrongFromWeak(wordWith(p, addr)) === addr;
}
