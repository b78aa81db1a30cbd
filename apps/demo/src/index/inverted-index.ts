/**
 * The inverted index as one object of the heap: its root block holds all that another thread needs to find the rest.
 *
 * The thread that creates it passes the root's address to the others, and each opens its own view of it there. The root also
 * holds the two counters from which the threads take their work: the next file to read while the index is built, the next
 * shard to free when it is torn down.
 *
 * ```
 *  root | files | fileTable | shards | .. | nextFile | .. | nextShard | .. | filesDone, kibDone, stop | .. |
 *                     |          |        each group of counters on a cache line of its own
 *                     v          v
 *               file-table.ts  term-map.ts
 * ```
 */
import { record } from "@mallocgc/sysmem";
import { type BlockHeap, Ledger } from "./block-heap.ts";
import { fileName, freeFileTable, writeFileTable } from "./file-table.ts";
import { type MapTotals, SHARDS, SHARDS_BYTES, type TermInfo, TermMap } from "./term-map.ts";

/** The root block, 5 cache lines. */
const Root = record("index root", 80, {
  files: { access: "const", doc: "number of files" },
  fileTable: { access: "const", doc: "address of the table of file names" },
  shards: { access: "const", doc: "address of the shards" },
  lineEnd0: { access: "const", words: 13, doc: "keeps the counters off the constants' cache line" },
  nextFile: { access: "atomic", doc: "the next file that no thread has taken" },
  lineEnd1: { access: "const", words: 15, doc: "unused" },
  nextShard: { access: "atomic", doc: "the next shard that no thread has begun to free" },
  lineEnd2: { access: "const", words: 15, doc: "unused" },
  filesDone: { access: "atomic", doc: "files indexed or skipped, for the progress bar" },
  kibDone: { access: "atomic", doc: "KiB read, for the progress bar (rounded per file)" },
  lineEnd3: { access: "const", words: 14, doc: "unused" },
  stop: { access: "atomic", doc: "1 when a thread could not go on, so that the others stop too" },
});

const { files: FILES, fileTable: FILE_TABLE, shards: SHARDS_AT, nextFile: NEXT_FILE, nextShard: NEXT_SHARD } = Root.offset;
const { filesDone: FILES_DONE, kibDone: KIB_DONE, stop: STOP } = Root.offset;
const ROOT_BYTES = Root.words * 4;

/** Returned by `takeFile` when no file is left. */
export const NO_FILE = -1;

/** A file of an answer. */
export interface NamedCount {
  readonly file: string;
  readonly count: number;
}

/** What the index knows of a term. */
export interface Answer {
  /** Document frequency: the number of files that hold the term. */
  readonly files: number;
  readonly occurrences: number;
  readonly top: readonly NamedCount[];
}

/** How far the threads have come. */
export interface Progress {
  readonly files: number;
  readonly filesDone: number;
  readonly kibDone: number;
}

/** One thread's view of the index. */
export class InvertedIndex {
  /** What this thread asked of the heap. */
  readonly blocks: Ledger;
  /** Address of the root block. */
  readonly root: number;
  private readonly map: TermMap;

  private constructor(blocks: Ledger, root: number) {
    this.blocks = blocks;
    this.root = root;
    this.map = new TermMap(blocks, blocks.i32[(root >>> 2) + SHARDS_AT]! >>> 0);
  }

  /** Makes an empty index over the files of these names. A full heap throws, and has lost nothing. */
  static create(heap: BlockHeap, names: readonly string[]): InvertedIndex {
    const blocks = new Ledger(heap);
    const root = blocks.malloc(ROOT_BYTES);
    let shards = 0;
    try {
      shards = blocks.malloc(SHARDS_BYTES);
      blocks.i32[(root >>> 2) + FILE_TABLE] = writeFileTable(blocks, names);
    } catch (error) {
      if (shards !== 0) blocks.free(shards, SHARDS_BYTES);
      blocks.free(root, ROOT_BYTES);
      throw error;
    }
    blocks.i32[(root >>> 2) + SHARDS_AT] = shards;
    blocks.i32[(root >>> 2) + FILES] = names.length;
    return new InvertedIndex(blocks, root);
  }

  /** Opens the index whose root block lies at `root`, in this thread. */
  static open(heap: BlockHeap, root: number): InvertedIndex {
    return new InvertedIndex(new Ledger(heap), root);
  }

  /** Number of files. */
  get files(): number {
    return this.word(FILES);
  }

  /** Takes the next file for this thread alone; `NO_FILE` when none is left or another thread called `stop`. */
  takeFile(): number {
    if (Atomics.load(this.blocks.i32, (this.root >>> 2) + STOP) !== 0) return NO_FILE;
    const file = Atomics.add(this.blocks.i32, (this.root >>> 2) + NEXT_FILE, 1);
    return file < this.files ? file : NO_FILE;
  }

  /** Tells all threads to take no more files. */
  stop(): void {
    Atomics.store(this.blocks.i32, (this.root >>> 2) + STOP, 1);
  }

  /** The name of a file. */
  name(file: number): string {
    return fileName(this.blocks, this.word(FILE_TABLE) >>> 0, file);
  }

  /** Adds the posting (term, file, count); see {@link TermMap.add}. */
  add(bytes: Uint8Array, start: number, length: number, hash: number, file: number, count: number): void {
    this.map.add(bytes, start, length, hash, file, count);
  }

  /** Says that a file is done, for the progress bar. */
  fileDone(nbytes: number): void {
    Atomics.add(this.blocks.i32, (this.root >>> 2) + KIB_DONE, Math.round(nbytes / 1024));
    Atomics.add(this.blocks.i32, (this.root >>> 2) + FILES_DONE, 1);
  }

  /** How far all threads have come. */
  progress(): Progress {
    const { i32 } = this.blocks;
    return {
      files: this.files,
      filesDone: Atomics.load(i32, (this.root >>> 2) + FILES_DONE),
      kibDone: Atomics.load(i32, (this.root >>> 2) + KIB_DONE),
    };
  }

  /** Answers for one term, with its `top` files. */
  query(bytes: Uint8Array, length: number, hash: number, top: number): Answer {
    const info: TermInfo | undefined = this.map.lookup(bytes, length, hash, top);
    if (info === undefined) return { files: 0, occurrences: 0, top: [] };
    return {
      files: info.files,
      occurrences: info.occurrences,
      top: info.top.map(({ file, count }) => ({ file: this.name(file), count })),
    };
  }

  /** Sums over all shards. */
  totals(): MapTotals {
    return this.map.totals();
  }

  /** Frees shards until none is left; each shard is freed by one thread. All threads may do this at once. */
  freeShards(): void {
    for (;;) {
      const shard = Atomics.add(this.blocks.i32, (this.root >>> 2) + NEXT_SHARD, 1);
      if (shard >= SHARDS) return;
      this.map.freeShard(shard);
    }
  }

  /** Frees what is left once all shards are free: names, shards, root. By one thread, once; nobody may use the index after. */
  freeRoot(): void {
    freeFileTable(this.blocks, this.word(FILE_TABLE) >>> 0, this.files);
    this.blocks.free(this.word(SHARDS_AT) >>> 0, SHARDS_BYTES);
    this.blocks.free(this.root, ROOT_BYTES);
  }

  private word(offset: number): number {
    return this.blocks.i32[(this.root >>> 2) + offset]!;
  }
}
