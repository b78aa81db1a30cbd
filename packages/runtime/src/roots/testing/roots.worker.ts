/** A thread of a test heap that does one job and answers with a message; one that stays says "ready" first. */
import { parentPort, workerData } from "node:worker_threads";
import { HeapError } from "../../errors.ts";
import type { HandleMessage } from "../handle.ts";
import { TestHeap, type TestHandle } from "./test-heap.ts";

export interface RootsJob {
  readonly handle: TestHandle;
  readonly processorId: number;
  readonly work: RootsWork;
}

export type RootsWork =
  /** Adopts every handle that arrives and answers with the object's first word; gives the handle back as a move. */
  | { readonly kind: "echo" }
  /** Tries to adopt each of these moves, racing another thread; answers with those it got. */
  | { readonly kind: "grab"; readonly messages: readonly HandleMessage[]; readonly gate: Int32Array }
  /** Makes unique values `from` to `to` - 1 `rounds` times; answers with their ids and addresses. */
  | { readonly kind: "unique"; readonly from: number; readonly to: number; readonly rounds: number; readonly gate: Int32Array }
  /** Waits for a named root and answers with its object's first word. */
  | { readonly kind: "wait"; readonly name: string }
  /** Sets and deletes named roots, and looks that none of its own leads to another's object. */
  | { readonly kind: "names"; readonly rounds: number; readonly gate: Int32Array };

const { handle, processorId, work } = workerData as RootsJob;
const heap = TestHeap.attach(handle, processorId);
const port = parentPort!;

/** Returns when all threads that share the gate are there. */
function pass(gate: Int32Array): void {
  if (Atomics.add(gate, 0, 1) + 1 === gate[1]) Atomics.notify(gate, 0);
  for (let here = Atomics.load(gate, 0); here < gate[1]!; here = Atomics.load(gate, 0)) Atomics.wait(gate, 0, here, 100);
}

function firstWord(ref: number): number {
  return heap.mem[ref >>> 2]!;
}

switch (work.kind) {
  case "echo":
    port.on("message", (message: unknown) => {
      if (message === "end") {
        heap.leave();
        port.close();
        return;
      }
      const adopted = heap.roots.handles.adopt(message);
      const word = firstWord(adopted.ref);
      port.postMessage({ word, back: adopted.move() });
    });
    port.postMessage("ready");
    break;
  case "grab": {
    pass(work.gate);
    const got: number[] = [];
    for (const message of work.messages) {
      try {
        const adopted = heap.roots.handles.adopt(message);
        got.push(firstWord(adopted.ref));
        adopted.dispose();
      } catch (error) {
        if (!(error instanceof HeapError) || error.code !== "ERR_ROOT_DISPOSED") throw error;
      }
    }
    port.postMessage(got);
    break;
  }
  case "unique": {
    pass(work.gate);
    const problems: string[] = [];
    const made = Array.from({ length: work.to - work.from }, (_, i) => heap.roots.uniques.unique(`value ${work.from + i}`));
    for (let round = 1; round < work.rounds; round++) {
      made.forEach((unique, i) => {
        if (heap.roots.uniques.unique(`value ${work.from + i}`) !== unique) problems.push(`value ${work.from + i} was made twice`);
        if (unique.value !== `value ${work.from + i}`) problems.push(`value ${work.from + i} reads ${String(unique.value)}`);
      });
    }
    port.postMessage({ problems, made: made.map((unique) => [unique.id, unique.ref]) });
    break;
  }
  case "wait":
    port.postMessage("ready");
    port.postMessage(firstWord(heap.roots.named.wait(work.name, 30_000)));
    break;
  case "names": {
    const problems: string[] = [];
    const object = heap.object([processorId]);
    pass(work.gate);
    for (let round = 0; round < work.rounds; round++) {
      const name = `thread ${processorId} root ${round % 40}`;
      heap.roots.named.set(name, object, processorId);
      const { ref, type } = heap.roots.named.getTyped(name);
      if (ref !== object || type !== processorId) problems.push(`${name} leads to ${ref} of type ${type}`);
      if (heap.roots.named.get(name) !== object) problems.push(`${name} leads elsewhere`);
      if (round % 3 !== 0) heap.roots.named.delete(name);
    }
    port.postMessage(problems);
    break;
  }
}
