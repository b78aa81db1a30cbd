/** How a profile calls the thread that runs this: by its name if it has one, else "main" or by its number. */
import { nodeWorkers } from "../start-worker.ts";

/** What Node calls a worker that was given no name. */
const NODE_DEFAULT = "WorkerThread";

interface WebScope {
  readonly name?: unknown;
  readonly document?: unknown;
}

/** This thread's name. */
export function threadName(): string {
  const node = nodeWorkers();
  if (node !== undefined) {
    if (node.isMainThread) return "main";
    const { threadName: name = "" } = node;
    return name === "" || name === NODE_DEFAULT ? `worker ${node.threadId}` : name;
  }
  const { name, document } = globalThis as WebScope;
  if (document !== undefined) return "main";
  return typeof name === "string" && name !== "" ? name : "worker";
}
