/** Starts background threads: Node's workers where there is Node, web workers elsewhere, none where neither is to be had. */
import type { HeapHandle } from "./join.ts";
import { nodeModule } from "./node-module.ts";

/** What is used of `node:worker_threads`. */
interface NodeWorkers {
  readonly workerData: unknown;
  readonly isMainThread: boolean;
  readonly threadId: number;
  /** Since Node 24.6. */
  readonly threadName?: string;
  readonly Worker: new (url: URL, options: { workerData: unknown; name: string; stdout?: boolean }) => { unref(): void; on(event: "error", listener: (error: unknown) => void): void };
}

interface WebWorker {
  postMessage(message: unknown): void;
}

/** `node:worker_threads`; undefined where there is none. */
export function nodeWorkers(): NodeWorkers | undefined {
  return nodeModule("node:worker_threads") as NodeWorkers | undefined;
}

/**
 * Starts `count` background threads for the heap. They keep no process alive. A thread that fails to start is reported by `onError`; the heap works
 * without: cycles then advance at the ends of turns.
 */
export function startWorkers(count: number, handle: HeapHandle, onError: (error: unknown) => void): void {
  const node = nodeWorkers();
  for (let i = 0; i < count; i++) {
    try {
      if (node !== undefined) startNodeWorker(node, handle, onError);
      else startWebWorker(handle);
    } catch (error) {
      onError(error);
      return;
    }
  }
}

function startNodeWorker(node: NodeWorkers, handle: HeapHandle, onError: (error: unknown) => void): void {
  // The sources run as they are in development, the build elsewhere: the module beside this one, of the same kind.
  const url = new URL(import.meta.url.endsWith(".ts") ? "./gc-worker.ts" : "./gc-worker.js", import.meta.url);
  const worker = new node.Worker(url, { workerData: handle, name: "mallocgc" });
  worker.on("error", onError);
  worker.unref();
}

function startWebWorker(handle: HeapHandle): void {
  const { Worker } = globalThis as unknown as { Worker?: new (url: URL, options: { type: "module"; name: string }) => WebWorker };
  if (Worker === undefined) return;
  // Written out, so that bundlers find the module.
  const worker = new Worker(new URL("./gc-worker.js", import.meta.url), { type: "module", name: "mallocgc" });
  worker.postMessage(handle);
}
