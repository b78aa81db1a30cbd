/** What the main thread and the workers say to each other. Text and index never travel: they are in the shared heap. */
import type { HeapHandle } from "@mallocgc/runtime";
import type { Answer } from "../index/inverted-index.ts";
import type { SkipReason } from "../text/read-file.ts";

/** What a worker is started with. */
export interface WorkerStart {
  readonly handle: HeapHandle;
  /** Address of the index's root block. */
  readonly root: number;
  /** The directory that relative file names start from. */
  readonly base: string;
}

/** What a worker did while indexing. */
export interface IndexingDone {
  readonly files: number;
  readonly skipped: readonly { readonly file: string; readonly reason: SkipReason }[];
  readonly bytesRead: number;
  readonly seconds: number;
  /** The message of the `HeapExhaustedError` that stopped this worker. */
  readonly exhausted?: string;
}

/** What a worker asked of the heap, all in all. */
export interface LedgerSums {
  readonly mallocs: number;
  readonly frees: number;
  readonly bytesLive: number;
  readonly sizes: readonly (readonly [size: number, count: number])[];
}

/** A query's answer, with the time the worker took. */
export interface Timed {
  readonly answer: Answer;
  readonly micros: number;
}

/** A request that says nothing beyond its kind. */
export type Plain = Readonly<Record<string, never>>;

/** Each request with its reply. */
export interface Exchanges {
  /** Take files and index them until none is left. */
  index: { request: Plain; reply: IndexingDone };
  /** Answer for one term, given as its UTF-8 bytes after folding. */
  query: { request: { readonly term: Uint8Array; readonly top: number }; reply: Timed };
  /** Say what was asked of the heap so far. */
  ledger: { request: Plain; reply: LedgerSums };
  /** Free shards until none is left. */
  free: { request: Plain; reply: LedgerSums };
  /** Let go of the heap. The thread lives on, so that memory is compared under like conditions. */
  detach: { request: Plain; reply: null };
}

export type Kind = keyof Exchanges;
/** A request on its way to a worker. */
export type Request = { [K in Kind]: { readonly kind: K; readonly id: number; readonly about: Exchanges[K]["request"] } }[Kind];
/** A reply on its way back; `error` when the worker failed. */
export type Reply =
  | { readonly id: number; readonly value: Exchanges[Kind]["reply"] }
  | { readonly id: number; readonly error: unknown };
