/** Starts threads for tests, and waits for what they answer. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { HeapHandle } from "../index.ts";
import type { Answer, Job, Work } from "./job.worker.ts";

/** A thread at work on a heap. */
export class Thread {
  private readonly worker: Worker;
  private readonly stop = new Int32Array(new SharedArrayBuffer(4));

  constructor(handle: HeapHandle, work: Work) {
    const workerData: Job = { handle, stop: this.stop, work };
    this.worker = new Worker(new URL("./job.worker.ts", import.meta.url), { workerData, execArgv: ["--conditions=dev"] });
  }

  /** The thread's next message. */
  async answer<T = Answer>(): Promise<T> {
    const [answer] = (await once(this.worker, "message")) as [T];
    return answer;
  }

  /** Lets it go on to its next step. */
  goOn(): void {
    this.worker.postMessage("go on");
  }

  /** Tells a thread that churns to stop. */
  end(): void {
    Atomics.store(this.stop, 0, 1);
  }

  /** Stops it in the middle of whatever it does. */
  async terminate(): Promise<void> {
    await this.worker.terminate();
  }
}
