/** What the page's main thread does about locks that workers hold, and workers about locks that it holds. */
import { waited } from "./spin-meter.ts";
import { Mutexes, RANK_HEAP, SysmemError, createRegion, type Ptr } from "@mallocgc/sysmem";
import type { LockJob } from "./lock-worker.ts";

export interface Locks {
  /** What `Atomics.wait` says to this thread. */
  readonly waitThrows: string;
  /** How long the page waited for a lock that was given back after `HOLD_MS`. */
  readonly waitedMs: number;
  readonly looks: number;
  readonly sleeps: number;
  /** What it got for a lock that is never given back. */
  readonly timeout: { readonly code: string; readonly message: string };
  /** Whether a worker that slept for the page's lock was woken. */
  readonly workerGotIt: boolean;
}

export const HOLD_MS = 150;
const OWNER = 1;

export async function run(): Promise<Locks> {
  const region = createRegion(65536, true);
  const mutexes = new Mutexes(region, OWNER, { timeoutMs: 10_000 });
  const [given, kept, ours] = [64, 128, 192] as Ptr[] as [Ptr, Ptr, Ptr];

  await hold({ memory: region.memory, word: given, owner: 2, holdMs: HOLD_MS });
  const started = performance.now();
  mutexes.lock(given, RANK_HEAP);
  const waitedMs = performance.now() - started;
  const { looks, sleeps } = waited();
  mutexes.unlock(given, RANK_HEAP);

  await hold({ memory: region.memory, word: kept, owner: 3, holdMs: Infinity });
  const timeout = refusal(() => new Mutexes(region, OWNER, { timeoutMs: 100 }).lock(kept, RANK_HEAP));

  mutexes.lock(ours, RANK_HEAP);
  const got = hold({ memory: region.memory, word: ours, owner: 4, holdMs: 0 });
  // Once the word has changed, the worker is asleep or about to be.
  while (Atomics.load(region.i32, ours) === OWNER) await new Promise((resolve) => setTimeout(resolve, 1));
  mutexes.unlock(ours, RANK_HEAP);
  const workerGotIt = await got;

  return { waitThrows: nameOf(() => Atomics.wait(region.i32, 0, 0, 1)), waitedMs, looks, sleeps, timeout, workerGotIt };
}

/** Resolves once the worker has the lock. */
function hold(job: LockJob): Promise<true> {
  const worker = new Worker(new URL("lock-worker.ts", import.meta.url), { type: "module" });
  worker.postMessage(job);
  return new Promise((resolve, reject) => {
    worker.onmessage = () => resolve(true);
    worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
  });
}

function refusal(work: () => void): { code: string; message: string } {
  try {
    work();
  } catch (error) {
    if (error instanceof SysmemError) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: "none", message: "" };
}

function nameOf(work: () => void): string {
  try {
    work();
  } catch (error) {
    return (error as Error).name;
  }
  return "nothing";
}
