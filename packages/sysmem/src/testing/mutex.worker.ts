/**
 * A thread of mutex.threads.test.ts: adds to plain words under a lock, or dies while it holds one.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Mutexes, RANK_HEAP, SysmemError, openRegion, type Ptr, type RegionMemory } from "../index.ts";

/** What the test tells a worker. Places are word indexes. */
export interface MutexJob {
  readonly memory: RegionMemory;
  readonly owner: number;
  readonly seed: number;
  readonly rounds: number;
  /** `add`: work under the locks. `die`: take the first lock and end without giving it back. `wait`: try to take it for `timeoutMs`. */
  readonly kind: "add" | "die" | "wait";
  readonly timeoutMs: number;
  /** Lock words; the plain words that lock i guards stand in the `guarded` words after it. */
  readonly locks: readonly number[];
  readonly guarded: number;
  /** Set to 1 by the test when every worker has started. */
  readonly gate: number;
}

const job = workerData as MutexJob;
const region = openRegion(job.memory);
const mutexes = new Mutexes(region, job.owner, { timeoutMs: job.timeoutMs });
const mem = region.i32;

let state = job.seed | 0;
/** Marsaglia's xorshift: small, and the same everywhere. */
function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

function add(): number[] {
  const added = job.locks.map(() => 0);
  for (let round = 0; round < job.rounds; round++) {
    const i = random(job.locks.length);
    const word = job.locks[i] as Ptr;
    if (random(8) === 0) {
      if (!mutexes.tryLock(word, RANK_HEAP)) continue;
    } else {
      mutexes.lock(word, RANK_HEAP);
    }
    // Plain reads and writes on purpose: they are right only if nobody else is inside and the lock orders them.
    const first = mem[word + 1]!;
    for (let k = 1; k <= job.guarded; k++) {
      if (mem[word + k] !== first) throw new Error(`lock ${word}: word ${k} is ${mem[word + k]}, the first is ${first}`);
      mem[word + k] = first + 1;
    }
    mutexes.unlock(word, RANK_HEAP);
    added[i]!++;
  }
  return added;
}

function wait(): string {
  try {
    mutexes.lock(job.locks[0] as Ptr, RANK_HEAP);
    return "taken";
  } catch (error) {
    return error instanceof SysmemError ? `${error.code}: ${error.message}` : String(error);
  }
}

parentPort?.postMessage("ready");
Atomics.wait(mem, job.gate, 0, 30000);
if (job.kind === "add") parentPort?.postMessage(add());
else if (job.kind === "wait") parentPort?.postMessage(wait());
else mutexes.lock(job.locks[0] as Ptr, RANK_HEAP);
