/** A thread of a soak: plays the rounds it is sent, one after another. */
import { parentPort, workerData } from "node:worker_threads";
import type { HeapHandle } from "@mallocgc/runtime";
import { Control } from "./control.ts";
import { playRound, type RoundOutcome, type RoundPlan } from "./round.ts";

/** What a thread is started with. */
export interface WorkerStart {
  readonly thread: number;
  readonly threads: number;
  readonly seed: number;
  readonly control: SharedArrayBuffer;
}

/** A round for a thread to play. */
export interface RoundOrder {
  readonly handle: HeapHandle;
  readonly plan: RoundPlan;
}

/** A thread's answer. */
export interface RoundAnswer {
  readonly outcome: RoundOutcome;
}

const { thread, threads, seed, control: buffer } = workerData as WorkerStart;
const control = new Control(threads, buffer);

parentPort?.on("message", ({ handle, plan }: RoundOrder) => {
  const answer: RoundAnswer = { outcome: playRound(handle, plan, control, thread, threads, seed) };
  parentPort?.postMessage(answer);
});
