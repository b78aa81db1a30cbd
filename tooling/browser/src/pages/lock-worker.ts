/** A web worker that takes a lock, waiting for it if need be, says so, and gives it back after a while, or never. */
import { Mutexes, RANK_HEAP, openRegion, type Ptr, type Region } from "@mallocgc/sysmem";

export interface LockJob {
  readonly memory: Region["memory"];
  readonly word: number;
  readonly owner: number;
  /** How long it holds the lock; Infinity for ever. */
  readonly holdMs: number;
}

/** A word that nobody ever changes or notifies. */
const NEVER = 0;

self.onmessage = ({ data }: MessageEvent<LockJob>): void => {
  const { memory, word, owner, holdMs } = data;
  const region = openRegion(memory);
  const mutexes = new Mutexes(region, owner);
  mutexes.lock(word as Ptr, RANK_HEAP);
  self.postMessage("taken");
  if (holdMs === Infinity) return;
  Atomics.wait(region.i32, NEVER, 0, holdMs);
  mutexes.unlock(word as Ptr, RANK_HEAP);
};
