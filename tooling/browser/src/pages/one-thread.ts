/** A page without isolation: a heap for one thread. */
import { HeapError, createHeap, type MemStats, type VerifyReport } from "@mallocgc/runtime";
import { Player, TABLE_WORDS, type Played } from "./player.ts";

interface Refusal {
  readonly code: string;
  readonly message: string;
}

export interface OneThread {
  readonly isolated: boolean;
  /** What `createHeap()` says. */
  readonly shared: Refusal;
  /** What the handle of a heap for one thread says. */
  readonly handle: Refusal;
  readonly played: Played;
  readonly verified: VerifyReport;
  readonly stats: MemStats;
  readonly osBackend: string;
  readonly freedToOS: number;
}

export function run({ seed, steps }: { readonly seed: number; readonly steps: number }): OneThread {
  const shared = refusal(() => createHeap());
  const heap = createHeap({ gc: false, shared: false, maxBytes: 64 << 20 });
  const handle = refusal(() => heap.handle);
  const table = heap.mallocgc(TABLE_WORDS * 4);
  const player = new Player(heap, table, 1, seed);
  for (let i = 0; i < steps; i++) player.step();
  player.freeAll();
  player.clearTable();
  heap.free(table);
  heap.flush();
  return {
    isolated: crossOriginIsolated,
    shared,
    handle,
    played: player.played,
    stats: heap.readMemStats(),
    freedToOS: heap.freeOSMemory(),
    osBackend: heap.osBackend,
    verified: heap.verify(),
  };
}

function refusal(work: () => unknown): Refusal {
  try {
    work();
  } catch (error) {
    if (error instanceof HeapError) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: "none", message: "" };
}
