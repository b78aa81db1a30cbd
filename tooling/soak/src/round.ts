/**
 * A round: one heap, N threads, a number of phases; then everything is freed.
 *
 *     phase:  every thread does its steps  ->  barrier  ->  one thread verifies the whole heap, the others wait  ->  barrier
 *
 * At the start of some phases one thread detaches and attaches again (its blocks stay, its P may be another), or gives memory back to the
 * operating system, while the others are at work. At the end each thread frees what it has, and the verifier must find no live object.
 */
import { attachHeap, type Heap, type HeapHandle } from "@mallocgc/runtime";
import { Abandoned, type Control } from "./control.ts";
import { Player, type Mood } from "./player.ts";
import { Rng, seedOf } from "./rng.ts";

/** What a round is like; the same for all its threads. */
export interface RoundPlan {
  readonly mode: "by-hand";
  readonly round: number;
  readonly maxBytes: number;
  readonly chunkPages: 64 | 512;
  readonly phases: number;
  /** Steps per thread and phase. */
  readonly stepsPerPhase: number;
  /** The round ends when all threads together have done so many steps since the soak began. */
  readonly stepLimit: number;
}

/** Why a thread gave up. */
export interface ThreadFailure {
  readonly thread: number;
  readonly round: number;
  readonly phase: number;
  readonly step: number;
  readonly message: string;
}

/** What a thread says of its round: undefined when nothing was wrong. */
export type RoundOutcome = ThreadFailure | undefined;

const ROOMY_BYTES = 128 << 20;
const TIGHT_BYTES = [2 << 20, 3 << 20, 5 << 20, 12 << 20];

/** The plan of round number `round`: every third has room to spare, the others run out of memory again and again, the first one too. */
export function planRound(seed: number, round: number, stepLimit: number): RoundPlan {
  const rng = new Rng(seedOf(seed, round));
  const roomy = round % 3 === 2;
  return {
    mode: "by-hand",
    round,
    maxBytes: roomy ? ROOMY_BYTES : TIGHT_BYTES[rng.below(TIGHT_BYTES.length)]!,
    chunkPages: roomy && rng.below(2) === 0 ? 512 : 64,
    phases: 6,
    stepsPerPhase: roomy ? 20_000 : 5_000,
    stepLimit,
  };
}

/** Plays one thread's part of a round. Does not throw. */
export function playRound(handle: HeapHandle, plan: RoundPlan, control: Control, thread: number, threads: number, seed: number): RoundOutcome {
  let phase = 0;
  let step = 0;
  try {
    let heap = attachHeap(handle);
    const player = new Player(heap, control, thread, seedOf(seedOf(seed, plan.round), 1000 + thread));
    for (let goOn = true; goOn; phase++) {
      // Drawn alike by all threads.
      const rng = new Rng(seedOf(seedOf(seed, plan.round), 2000 + phase));
      const mood = randomMood(rng, plan.maxBytes / threads);
      if (phase > 0 && thread === rng.below(threads)) {
        heap.detach();
        heap = attachHeap(handle);
        player.heap = heap;
      }
      if (thread === rng.below(2 * threads)) heap.freeOSMemory();
      for (const end = step + plan.stepsPerPhase; step < end; step++) player.step(step, mood);

      const leads = thread === phase % threads;
      control.barrier();
      if (leads) {
        expectWhole(heap);
        control.decide(!control.stopping && phase + 1 < plan.phases && control.totals().steps < plan.stepLimit);
      }
      control.barrier();
      goOn = control.decision;
    }
    player.freeAll();
    heap.flush();
    control.barrier();
    if (thread === 0) {
      const objects = expectWhole(heap);
      if (objects !== 0) throw new Error(`${objects} objects are live after every block was freed`);
    }
    control.barrier();
    heap.detach();
    return undefined;
  } catch (error) {
    control.fail();
    if (error instanceof Abandoned) return undefined;
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { thread, round: plan.round, phase, step, message };
  }
}

/** Verifies the heap, which is at rest; returns the number of live objects. */
export function expectWhole(heap: Heap): number {
  const report = heap.verify();
  if (report.ok) return report.objects;
  const lines = report.broken.slice(0, 20).map((b) => `  ${b.invariant} (${b.where}): expected ${b.expected}, got ${b.got}`);
  throw new Error(`the verifier found ${report.broken.length} broken invariants:\n${lines.join("\n")}`);
}

/** Growing, steady, shrinking or handing over; a thread may ask for its share of the memory, or for twice that. */
function randomMood(rng: Rng, share: number): Mood {
  const maxLive = [300, 3_000, 30_000][rng.below(3)]!;
  return {
    maxLive,
    maxLiveBytes: share * (rng.below(2) === 0 ? 0.5 : 2),
    allocate: [48, 55, 70, 90][rng.below(4)]!,
    give: [0, 10, 60][rng.below(3)]!,
  };
}
