/** What the main thread and the workers say to each other. Text and index never travel: they are in the shared heap. */
import type { HeapHandle } from "@mallocgc/runtime";
import type { Answer } from "../index/inverted-index.ts";
import type { SizeCount } from "../report/request-sizes.ts";
import type { SkipReason } from "../text/read-file.ts";
import type { Question } from "./questions.ts";

/** What a worker is started with. */
export interface WorkerStart {
  readonly handle: HeapHandle;
  /** The directory that relative file names start from. */
  readonly base: string;
  /** What is asked between files. */
  readonly questions: readonly Question[];
  /** The worker's number, from 0. */
  readonly worker: number;
}

/** What a worker did in one round. */
export interface IndexingDone {
  readonly files: number;
  readonly skipped: readonly { readonly file: string; readonly reason: SkipReason }[];
  readonly bytesRead: number;
  /** From its first file to the end of its last. */
  readonly seconds: number;
  /** Objects that it asked of the heap. */
  readonly requests: number;
  /** Questions that were answered meanwhile, and how many of them wrongly. */
  readonly answers: number;
  readonly wrong: number;
  /** The first wrong answers of all rounds so far. */
  readonly findings: readonly string[];
  /** The longest that an operation of this worker was held up by the collector, in all rounds so far. */
  readonly maxStallUs: number;
  /** The message of the `HeapExhaustedError` that stopped this worker. */
  readonly exhausted?: string;
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
  /** Take part in the index of that number: answer from the old one until it is there, then take files until none is left. */
  index: { request: { readonly round: number }; reply: IndexingDone };
  /** Answer for one term, given as its UTF-8 bytes after folding. */
  query: { request: { readonly term: Uint8Array; readonly top: number }; reply: Timed };
  /** Say what sizes were asked of the heap so far. */
  sizes: { request: Plain; reply: readonly SizeCount[] };
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
