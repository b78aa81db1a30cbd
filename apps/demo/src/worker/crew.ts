/**
 * The workers, as the main thread sees them: ask one or all of them, and get a promise.
 *
 * A worker that dies makes every promise fail that waits for a worker: the demo does not go on with half a crew.
 */
import { Worker } from "node:worker_threads";
import type { Exchanges, Kind, Reply, WorkerStart } from "./protocol.ts";

const WORKER_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (reason: unknown) => void;
}

/** A number of workers on one heap. */
export class Crew {
  private readonly workers: Worker[] = [];
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 1;
  private ended = false;

  private constructor() {}

  /** Starts `size` workers; done when all have attached to the heap. */
  static async start(size: number, start: Omit<WorkerStart, "worker">): Promise<Crew> {
    const crew = new Crew();
    try {
      await Promise.all(Array.from({ length: size }, (_, worker) => crew.hire({ ...start, worker })));
    } catch (error) {
      await crew.end();
      throw error;
    }
    return crew;
  }

  get size(): number {
    return this.workers.length;
  }

  /** Asks worker number `n` (from 0). */
  ask<K extends Kind>(n: number, kind: K, about: Exchanges[K]["request"]): Promise<Exchanges[K]["reply"]> {
    const id = this.nextId++;
    const reply = this.expect<Exchanges[K]["reply"]>(id);
    this.workers[n]!.postMessage({ kind, id, about });
    return reply;
  }

  /** Asks all workers at once; replies are in the workers' order. */
  askAll<K extends Kind>(kind: K, about: Exchanges[K]["request"]): Promise<Exchanges[K]["reply"][]> {
    return Promise.all(this.workers.map((_, n) => this.ask(n, kind, about)));
  }

  /** Ends all threads. */
  async end(): Promise<void> {
    this.ended = true;
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  private hire(start: WorkerStart): Promise<null> {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      // As the report numbers them; the heap profile's label `thread` has it too.
      name: `worker ${start.worker + 1}`,
      workerData: start,
      // The sources run as they are: a worker needs the condition that resolves packages to their sources.
      execArgv: ["--conditions=dev"],
      // The index is not in the workers' own heaps, so these can be small.
      resourceLimits: WORKER_LIMITS,
    });
    const n = this.workers.push(worker);
    // A worker announces itself with id 0; ids that stand for announcements are negative here, one per worker.
    const attached = this.expect<null>(-n);
    worker.on("message", (reply: Reply) => {
      const id = reply.id === 0 ? -n : reply.id;
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      if ("error" in reply) waiting?.reject(reply.error);
      else waiting?.resolve(reply.value as never);
    });
    worker.on("error", (error) => {
      this.failAll(error);
    });
    worker.on("exit", (code) => {
      if (!this.ended) this.failAll(new Error(`worker ${n} ended with code ${code}`));
    });
    return attached;
  }

  private expect<T>(id: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
    });
  }

  private failAll(error: unknown): void {
    for (const waiting of this.waiting.values()) waiting.reject(error);
    this.waiting.clear();
  }
}
