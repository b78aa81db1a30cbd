/** A thread of a soak: plays the rounds it is sent, one after another. */
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import type { HeapHandle } from "@mallocgc/runtime";
import { Census } from "./collected/census.ts";
import { playCollected, type CollectedPlan } from "./collected/collected-round.ts";
import { Control } from "./control.ts";
import { playRound, type RoundOutcome, type RoundPlan } from "./round.ts";

/** What a thread is started with. */
export interface WorkerStart {
  readonly thread: number;
  readonly threads: number;
  readonly seed: number;
  readonly control: SharedArrayBuffer;
  readonly census: SharedArrayBuffer;
  /** One port to each other thread. */
  readonly ports: readonly MessagePort[];
}

/** A round for a thread to play. */
export interface RoundOrder {
  readonly handle: HeapHandle;
  readonly plan: RoundPlan | CollectedPlan;
}

/** A thread's answer. */
export interface RoundAnswer {
  readonly outcome: RoundOutcome;
}

const { thread, threads, seed, ports, ...buffers } = workerData as WorkerStart;
const control = new Control(threads, buffers.control);
const census = new Census(buffers.census);

parentPort?.on("message", ({ handle, plan }: RoundOrder) => void answer(handle, plan));

async function answer(handle: HeapHandle, plan: RoundPlan | CollectedPlan): Promise<void> {
  const outcome =
    plan.mode === "collected"
      ? await playCollected(handle, plan, { control, census, ports, thread, threads, seed })
      : playRound(handle, plan, control, thread, threads, seed);
  const told: RoundAnswer = { outcome };
  parentPort?.postMessage(told);
}
