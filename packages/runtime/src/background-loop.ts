/**
 * What a background thread of a heap does: it is a P that is never in a turn; it drives the cycle, or marks for whoever drives it, and sleeps
 * when there is nothing to do.
 *
 *     loop: in the driver's seat    advance the cycle; when none is wanted, give memory back, if that is due
 *           else                    mark for about a budget, if there is anything to take
 *           nothing came of it      sleep on the word `wake`: until somebody wants a cycle, acks, ends a turn, or a time has passed
 *
 * It ends when the heap is closed and no other thread is attached.
 */
import { ADVANCE_IDLE, ADVANCE_WAITING, ADVANCE_WORKED, GcRecord } from "@mallocgc/gc";
import type { Scavenger } from "@mallocgc/scavenger";
import { Collector } from "./collector.ts";
import { HeapError } from "./errors.ts";
import { HEADER_PTR, HEAP_OPEN, HeapHeader } from "./header.ts";
import { joinByHandle, type Joined } from "./join.ts";
import type { Layers } from "./layers.ts";

const G = GcRecord.offset;
const { state: H_STATE } = HeapHeader.offset;
/** Bytes of scan work in one step: what is put off (kernel/deferred.ts of gc) is marked at its end, so not too few; a driver looks at nothing else meanwhile, so not too many. */
const BUDGET: number = 1 << 20;
/** Asleep while Ps have to poll: a wake-up may be lost with a thread that dies. */
const WAITING_MS = 10;
/** Asleep while nothing is wanted, and the scavenger is not due before: often enough to notice the periodic cycle. */
const IDLE_MS = 1000;
/** A turn that holds a cycle up for so long is worth a warning. */
const LONG_TURN_MS = 2000;

/** Tells of a turn that does not end. */
export type WarnLongTurn = (processorId: number, ms: number) => void;

/** Serves the heap of `handle` until it is closed and left. Blocks the calling thread. */
export function runInBackground(handle: unknown, warn: WarnLongTurn): void {
  const joined = joinUnlessClosed(handle);
  if (joined === undefined) return;
  const { layers, processorId } = joined;
  const mem = layers.region.i32;
  const gc = layers.plan.at("gc");
  const collector = new Collector(layers, processorId, false, true, {
    onLeak: () => undefined,
    onError: () => undefined,
    checkObject: () => undefined,
    allocBytes: () => 0 as never,
    refOfView: () => -1,
  });
  const { scavenger } = layers.scavenging;
  const warned = new LongTurns(collector, warn);
  collector.background.mayDefer = true;
  Atomics.add(mem, gc + G.workers, 1);
  while (!isLeft(layers, Atomics.load(mem, gc + G.workers))) {
    const seen = Atomics.load(mem, gc + G.wake);
    const start = performance.now();
    const result = workOnce(collector, scavenger);
    if (result === ADVANCE_WORKED) {
      // The program has had too little time: this thread takes half of its own, which of two threads is Go's quarter.
      if (Atomics.load(mem, gc + G.limiting) !== 0) Atomics.wait(mem, gc + G.wake, Atomics.load(mem, gc + G.wake), performance.now() - start);
      continue;
    }
    if (result === ADVANCE_WAITING) warned.look();
    Atomics.add(mem, gc + G.idleMarkers, 1);
    Atomics.wait(mem, gc + G.wake, seen, result === ADVANCE_IDLE ? Math.min(IDLE_MS, scavenger.dueIn / 1e6) : WAITING_MS);
    Atomics.sub(mem, gc + G.idleMarkers, 1);
  }
  Atomics.sub(mem, gc + G.workers, 1);
  layers.releaseAll();
  layers.processors.release(processorId);
}

/** A heap that was closed before this thread had started needs none. */
function joinUnlessClosed(handle: unknown): Joined | undefined {
  try {
    return joinByHandle(handle);
  } catch (error) {
    if (error instanceof HeapError && error.code === "ERR_HEAP_CLOSED") return undefined;
    throw error;
  }
}

function workOnce(collector: Collector, scavenger: Scavenger): number {
  const { cycle, background } = collector;
  if (!cycle.tryDrive()) return background.run(BUDGET) > 0 ? ADVANCE_WORKED : ADVANCE_WAITING;
  try {
    const result = cycle.advance(BUDGET);
    if (result === ADVANCE_IDLE) scavenger.step();
    return result;
  } finally {
    cycle.stopDriving();
  }
}

/** Whether the heap is closed and none but workers are attached. */
function isLeft({ region, processors }: Layers, workers: number): boolean {
  if (Atomics.load(region.i32, HEADER_PTR + H_STATE) === HEAP_OPEN) return false;
  return processors.running <= workers;
}

/** Warns of each long turn once, and again each time it has become twice as long. */
export class LongTurns {
  private readonly collector: Collector;
  private readonly warn: WarnLongTurn;
  private last = -1;
  private next = LONG_TURN_MS;

  constructor(collector: Collector, warn: WarnLongTurn) {
    this.collector = collector;
    this.warn = warn;
  }

  look(): void {
    const heldUp = this.collector.heldUpBy();
    if (heldUp === undefined || heldUp.processorId !== this.last || heldUp.ms < LONG_TURN_MS) this.next = LONG_TURN_MS;
    if (heldUp === undefined || heldUp.ms < this.next) return;
    this.last = heldUp.processorId;
    this.next = heldUp.ms * 2;
    this.warn(heldUp.processorId, heldUp.ms);
  }
}
