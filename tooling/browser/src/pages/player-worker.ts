/** A web worker that attaches and plays from the word to run until the word to end. */
import { attachHeap, type Addr, type HeapHandle } from "@mallocgc/runtime";
import { Player, STATE_RUN, STATE_WAIT, type Played } from "./player.ts";

export interface PlayerJob {
  readonly handle: HeapHandle;
  readonly table: Addr;
  readonly maker: number;
  readonly seed: number;
}

/** First that it is attached, then what it did. */
export interface PlayerMessage {
  readonly attached?: true;
  readonly played?: Played;
}

self.onmessage = ({ data }: MessageEvent<PlayerJob>): void => {
  const { handle, table, maker, seed } = data;
  const heap = attachHeap(handle);
  const player = new Player(heap, table, maker, seed);
  const state = table >>> 2;
  self.postMessage({ attached: true } satisfies PlayerMessage);
  Atomics.wait(heap.i32, state, STATE_WAIT);
  while (Atomics.load(heap.i32, state) === STATE_RUN) for (let i = 0; i < 50; i++) player.step();
  player.freeAll();
  heap.detach();
  self.postMessage({ played: player.played } satisfies PlayerMessage);
};
