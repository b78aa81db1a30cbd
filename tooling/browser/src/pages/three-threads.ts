/** The page and two workers on one heap, all at once; the page is one of the three that allocate. */
import { waited } from "./spin-meter.ts";
import { createHeap, type MemStats, type VerifyReport } from "@mallocgc/runtime";
import { Player, STATE_END, STATE_RUN, TABLE_WORDS, type Played } from "./player.ts";
import type { PlayerJob, PlayerMessage } from "./player-worker.ts";

export interface ThreeThreads {
  readonly isolated: boolean;
  /** The page first. */
  readonly played: readonly Played[];
  /** How the page waited for locks. */
  readonly waited: { readonly looks: number; readonly sleeps: number };
  readonly verified: VerifyReport;
  /** When everything had been freed and every thread had given back what it cached. */
  readonly stats: MemStats;
  readonly osBackend: string;
  readonly freedToOS: number;
  readonly releasedBefore: number;
  readonly releasedAfter: number;
}

export interface ThreeThreadsJob {
  readonly seed: number;
  /** They play for this long, and on until the page has looked `minLooks` times at a taken lock, but never for more than `maxMs`. */
  readonly ms: number;
  readonly minLooks: number;
  readonly maxMs: number;
}

const SLICE_MS = 12;

export async function run({ seed, ms, minLooks, maxMs }: ThreeThreadsJob): Promise<ThreeThreads> {
  const heap = createHeap({ gc: false, maxBytes: 128 << 20 });
  const table = heap.mallocgc(TABLE_WORDS * 4);
  const state = table >>> 2;
  const workers = [1, 2].map((maker) => {
    const worker = new Worker(new URL("player-worker.ts", import.meta.url), { type: "module" });
    worker.postMessage({ handle: heap.handle, table, maker, seed: seed + maker * 7919 } satisfies PlayerJob);
    return worker;
  });
  await Promise.all(workers.map((worker) => answer(worker, ({ attached }) => attached)));
  const ends = workers.map((worker) => answer(worker, ({ played }) => played));

  Atomics.store(heap.i32, state, STATE_RUN);
  Atomics.notify(heap.i32, state);
  const player = new Player(heap, table, 3, seed);
  const started = performance.now();
  let elapsed = 0;
  while (elapsed < ms || (waited().looks < minLooks && elapsed < maxMs)) {
    const end = performance.now() + SLICE_MS;
    while (performance.now() < end) for (let i = 0; i < 20; i++) player.step();
    // The page stays alive meanwhile: a worker's error arrives, and ends this.
    await Promise.race([new Promise((resolve) => setTimeout(resolve)), ...ends]);
    elapsed = performance.now() - started;
  }
  Atomics.store(heap.i32, state, STATE_END);
  const others = await Promise.all(ends);

  player.freeAll();
  player.clearTable();
  heap.free(table);
  heap.flush();
  const stats = heap.readMemStats();
  const freedToOS = heap.freeOSMemory();
  return {
    isolated: crossOriginIsolated,
    played: [player.played, ...others],
    waited: waited(),
    verified: heap.verify(),
    stats,
    osBackend: heap.osBackend,
    freedToOS,
    releasedBefore: stats.HeapReleased,
    releasedAfter: heap.readMemStats().HeapReleased,
  };
}

/** Resolves with what `pick` finds in one of the worker's messages, and rejects with its error. */
function answer<T>(worker: Worker, pick: (message: PlayerMessage) => T | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    worker.addEventListener("message", ({ data }: MessageEvent<PlayerMessage>) => {
      const picked = pick(data);
      if (picked !== undefined) resolve(picked);
    });
    worker.addEventListener("error", ({ message }) => reject(new Error(`the worker failed: ${message}`)));
  });
}
