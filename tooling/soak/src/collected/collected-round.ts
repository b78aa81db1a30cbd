/**
 * A round on a collected heap: N threads, some phases; then all leave, and nothing may be left.
 *
 *     phase:  every thread does its steps, in turns of one of three styles (thread.ts)   ->  barrier
 *             rest: cycles, and turns that call what is due, until nothing more is due
 *             every thread checks its own graph against its mirror, its weak refs, its cleanups; all count what they reach
 *             one thread walks the shared graph, verifies the heap, and compares its live objects with the count   ->  barrier
 *
 * At the start of some phases a thread detaches and attaches again: its handles, weak refs, finalizers and cleanups are gone, named roots and what is on
 * its way to others stay.
 */
import type { MessagePort } from "node:worker_threads";
import { attachHeap, createHeap, type Heap, type HeapHandle, type HeapOptions } from "@mallocgc/runtime";
import { Abandoned, type Control } from "../control.ts";
import { Rng, seedOf } from "../rng.ts";
import { expectWhole, type RoundOutcome } from "../round.ts";
import { SoakFailure } from "../failure.ts";
import type { Census } from "./census.ts";
import { collectGarbage } from "./engine-gc.ts";
import { Post } from "./post.ts";
import { dropSharedRoots } from "./shared-graph.ts";
import { CollectedThread } from "./thread.ts";

/** What a round is like; the same for all its threads. */
export interface CollectedPlan {
  readonly mode: "collected";
  readonly round: number;
  readonly heap: HeapOptions;
  readonly phases: number;
  /** Steps per thread and phase. */
  readonly stepsPerPhase: number;
  /** Objects in a thread's own graph, about. */
  readonly maxObjects: number;
  /** The round ends when all threads together have done so many steps since the soak began. */
  readonly stepLimit: number;
}

/** What the threads of a round share. */
export interface CollectedSeat {
  readonly control: Control;
  readonly census: Census;
  readonly ports: readonly MessagePort[];
  readonly thread: number;
  readonly threads: number;
  readonly seed: number;
}

/** Cycles of a rest at most: finalizers that lead to one another are called one cycle after another. */
const MOST_CYCLES = 40;
/** Cycles after which what nothing leads to is gone. */
const LEAST_CYCLES = 2;
const JOBS_TO_TELL = 6;
const TIGHT_BYTES = [3 << 20, 4 << 20, 6 << 20, 12 << 20];
const ROOMY_BYTES = 96 << 20;

/** The plan of round number `round`: with 0, 1, 2 background threads in turn; every second has a heap that is too small. */
export function planCollected(seed: number, round: number, stepLimit: number): CollectedPlan {
  const rng = new Rng(seedOf(seed, round));
  const roomy = rng.below(2) === 0;
  const pick = <T>(values: readonly T[]): T => values[rng.below(values.length)]!;
  return {
    mode: "collected",
    round,
    heap: {
      maxBytes: roomy ? ROOMY_BYTES : pick(TIGHT_BYTES),
      chunkPages: roomy ? pick([64, 512]) : 64,
      gcWorkers: round % 3,
      gcPercent: pick([20, 100, 100, 300]),
      heapMinimum: pick([64 << 10, 512 << 10, 4 << 20]),
      memoryLimit: pick([Infinity, Infinity, roomy ? ROOMY_BYTES / 8 : 2 << 20]),
      checks: rng.below(4) === 0,
      gcCheckMark: true,
      clobberFree: true,
    },
    phases: 4,
    stepsPerPhase: roomy ? 12_000 : 5_000,
    maxObjects: pick(roomy ? [300, 3000, 10_000] : [50, 300, 1500]),
    stepLimit,
  };
}

/** The heap of a round, with its background threads: later, there might be no room for them. */
export async function createCollected(plan: CollectedPlan): Promise<Heap> {
  const heap = createHeap(plan.heap);
  while (heap.gcStats().workers < plan.heap.gcWorkers!) await new Promise((resolve) => setTimeout(resolve, 5));
  return heap;
}

/** All other threads have left: after two cycles nothing may be left. @throws Error. */
export async function expectCollected(heap: Heap): Promise<void> {
  for (let cycle = 0; cycle < LEAST_CYCLES; cycle++) await heap.gc();
  const objects = expectWhole(heap);
  const { HeapAlloc, HeapObjects, HeapInuse, Mallocs, Frees } = heap.readMemStats();
  for (const [name, value] of Object.entries({ objects, HeapAlloc, HeapObjects, HeapInuse, unfreed: Mallocs - Frees })) {
    if (value !== 0) throw new SoakFailure(`everything was let go, but ${name} is ${value}`);
  }
}

/** Plays one thread's part of a round. Does not throw. */
export async function playCollected(handle: HeapHandle, plan: CollectedPlan, seat: CollectedSeat): Promise<RoundOutcome> {
  const { control, census, thread, threads } = seat;
  const roundSeed = seedOf(seat.seed, plan.round);
  let phase = 0;
  let player: CollectedThread | undefined;
  const problems: unknown[] = [];
  const events = { onError: (error: unknown): void => { problems.push(error); } };
  const rethrow = (): void => {
    if (problems.length > 0) throw problems[0];
  };
  try {
    const post = new Post(seat.ports);
    player = new CollectedThread(attachHeap(handle, events), control, thread, seedOf(roundSeed, 1000 + thread), post);
    player.reserve();
    control.barrier();
    for (let goOn = true; goOn; phase++) {
      const rng = new Rng(seedOf(roundSeed, 2000 + phase));
      if (phase > 0 && thread === rng.below(threads)) player.reattach(() => attachHeap(handle, events));
      if (thread === rng.below(2 * threads)) await player.heap.freeOSMemoryAsync();
      await player.play(plan.stepsPerPhase, plan.maxObjects, rethrow);

      const leads = thread === phase % threads;
      await rest(player, leads, control, rethrow);
      player.check(census);
      if (leads) player.checkShared(census);
      control.barrier();
      if (leads) {
        compare(player, census.take(), control);
        control.decide(!control.stopping && phase + 1 < plan.phases && control.totals().steps < plan.stepLimit);
      }
      control.barrier();
      goOn = control.decision;
    }
    if (thread === 0) dropSharedRoots(player.heap);
    player.land();
    player.leave();
    control.barrier();
    return undefined;
  } catch (error) {
    control.fail();
    if (error instanceof Abandoned) return undefined;
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { thread, round: plan.round, phase, step: player?.steps ?? 0, message: `${message}${secondMark(player)}` };
  }
}

/** Whether an object was lost by marking, or later: what the second mark of all cycles so far has found. Others are at work, so the rest of the verifier means nothing. */
function secondMark(player: CollectedThread | undefined): string {
  const found = player?.heap.verify().broken.find(({ invariant }) => invariant.startsWith("a second mark"));
  return found === undefined ? "\nsecond marks have found nothing" : `\n${found.invariant}: ${found.got} lost`;
}

/** Nobody works; cycles, until nothing is due any more. */
export async function rest(player: CollectedThread, leads: boolean, control: Control, rethrow: () => void): Promise<void> {
  control.barrier();
  player.receiveAll();
  await tellOfDropped();
  player.callDue();
  for (let cycle = 1; ; cycle++) {
    control.barrier();
    if (leads) player.heap.gcSync();
    control.barrier();
    control.vote(player.callDue());
    rethrow();
    control.barrier();
    if (leads) control.decide(control.takeVotes() > 0 || cycle < LEAST_CYCLES);
    control.barrier();
    if (!control.decision) return;
    if (cycle === MOST_CYCLES) throw new SoakFailure(`finalizers and cleanups are still called after ${cycle} cycles at rest`);
  }
}

/** Has the engine tell the heap of all that was dropped: each registry is called in a job of its own. */
async function tellOfDropped(): Promise<void> {
  collectGarbage();
  for (let job = 0; job < JOBS_TO_TELL; job++) await new Promise((resolve) => setImmediate(resolve));
}

/** The heap is whole, and has just the objects that somebody reaches. By one thread. @throws SoakFailure. */
export function compare(player: CollectedThread, counted: ReadonlySet<number> | undefined, control: Control): void {
  const objects = expectWhole(player.heap);
  const dropped = control.takeVotes();
  if (counted === undefined) return;
  // Unique values that were dropped are kept until the engine says so.
  player.checkWeak(counted);
  if (objects < counted.size || objects > counted.size + dropped) {
    throw new SoakFailure(`${counted.size} objects are in reach, and at most ${dropped} unique values were dropped, but ${objects} are in the heap after two cycles`);
  }
}
