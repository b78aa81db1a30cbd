/** The module that a background thread runs: it gets the heap's handle, in Node as `workerData`, on the web as its first message, and serves the heap. */
import { runInBackground } from "./background-loop.ts";
import { nodeWorkers } from "./start-worker.ts";

interface WebWorkerScope {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
}

const workers = nodeWorkers();
if (workers === undefined) (globalThis as unknown as WebWorkerScope).onmessage = ({ data }): void => { runInBackground(data, warn); };
else runInBackground(workers.workerData, warn);

function warn(processorId: number, ms: number): void {
  console.warn(`mallocgc: thread ${processorId} has been in one turn for ${ms} ms, and the collector waits for it; call heap.safepoint() in long loops (MALLOCGC_LONG_TURN)`);
}
