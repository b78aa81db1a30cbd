/**
 * The inverted index as one object of the heap, which all threads find as the named root `index`.
 *
 * It leads to all the rest, so storing another index in the root's place lets all of it go at once, whatever is being asked of it at that moment. The
 * names of the files are a root of their own: they stay from one index to the next.
 *
 * The object also holds the counters from which the threads take their work, and for each file whether all of it is in: what makes
 * an answer exact for these files while others are still being added.
 *
 * ```
 *  root "files" ──► names: | str | str | ...
 *  root "index" ──► | round | files | map | done | .. | nextFile | .. | filesDone, kibDone | .. | stop, serving |
 *                                      |      |           groups of counters, no two on one cache line
 *                                      v      v
 *                          term-map.ts    | 0 | 1 | ... a byte per file: 1 when its postings are all there
 * ```
 *
 * A ref to an index is valid in one turn, as all refs: who has called `heap.safepoint()` asks for `current` again.
 */
import { type Bound, type Heap, type Ref, array, fixed, ref, str, struct, u32 } from "@mallocgc/runtime";
import { Octets } from "./postings.ts";
import { OBJECT_HEAD, Requests } from "./requests.ts";
import { type MapTotals, Shards, TermMap } from "./term-map.ts";

const Index = struct("DemoIndex", {
  /** Which one it is, from 1. */
  round: u32,
  /** Number of files. */
  files: u32,
  map: ref(Shards),
  /** Per file 1 when all its postings are in the map. */
  done: ref(Octets),
  lineEnd0: fixed(u32, 12),
  /** The next file that no thread has taken. */
  nextFile: u32,
  lineEnd1: fixed(u32, 15),
  /** Files indexed or skipped. */
  filesDone: u32,
  /** KiB read, for the progress bar (rounded per file). */
  kibDone: u32,
  lineEnd2: fixed(u32, 14),
  /** 1 when a thread could not go on, so that the others stop too. */
  stop: u32,
  /** Threads that answer from this index while they wait for the next one. */
  serving: u32,
});
const INDEX_BYTES = 64 * 3 + 8;

const Names = array(str);

const INDEX_ROOT = "index";
const FILES_ROOT = "files";

/** Returned by `takeFile` when no file is left. */
export const NO_FILE = -1;

export type IndexRef = Ref<"DemoIndex">;

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

/** One thread's way to the index. */
export class InvertedIndex {
  /** What this thread asked of the heap. */
  readonly requests = new Requests();
  readonly map: TermMap;
  private readonly heap: Heap;
  private readonly index: Bound<typeof Index>;
  private readonly octets: Bound<typeof Octets>;
  private readonly names: Bound<typeof Names>;

  constructor(heap: Heap) {
    this.heap = heap;
    this.map = new TermMap(heap, this.requests);
    this.index = heap.type(Index);
    this.octets = heap.type(Octets);
    this.names = heap.type(Names);
  }

  /** Makes these the files to index. Returns the bytes that were asked for. @throws HeapExhaustedError. */
  setFiles(files: readonly string[]): number {
    const { heap, names: Names } = this;
    return heap.turn(() => {
      const nbytes = OBJECT_HEAD + files.length * 4;
      const names = heap.alloc(Names, files.length);
      this.requests.note(nbytes);
      let sum = nbytes;
      for (const [i, name] of files.entries()) {
        Names.at.set(names, i, name);
        const size = OBJECT_HEAD + Buffer.byteLength(name);
        this.requests.note(size);
        sum += size;
      }
      heap.roots.set(FILES_ROOT, names);
      return sum;
    });
  }

  /** Makes an empty index and puts it in the place of the one before, which is garbage from then on. @throws HeapExhaustedError. */
  begin(round: number): void {
    const { heap, index: Index, names: Names } = this;
    heap.turn(() => {
      const files = Names.length(heap.roots.get(FILES_ROOT));
      const map = this.map.create();
      const done = heap.alloc(this.octets, files);
      this.requests.note(OBJECT_HEAD + files);
      const index = heap.alloc(Index);
      this.requests.note(INDEX_BYTES);
      Index.round.set(index, round);
      Index.files.set(index, files);
      Index.map.set(index, map);
      Index.done.set(index, done);
      // All threads that ask from now on find the new one. Those that were asking have until their turn's end.
      heap.roots.set(INDEX_ROOT, index);
    });
  }

  /** Lets index and names go. */
  drop(): void {
    this.heap.roots.delete(INDEX_ROOT);
    this.heap.roots.delete(FILES_ROOT);
  }

  /** The index of now; valid in this turn. */
  current(): IndexRef {
    return this.heap.roots.get(INDEX_ROOT);
  }

  round(index: IndexRef): number {
    return this.index.round.get(index);
  }

  files(index: IndexRef): number {
    return this.index.files.get(index);
  }

  /** Takes the next file for this thread alone; `NO_FILE` when none is left or another thread called `stop`. */
  takeFile(index: IndexRef): number {
    if (this.isStopped(index)) return NO_FILE;
    const file = this.index.nextFile.add(index, 1);
    return file < this.files(index) ? file : NO_FILE;
  }

  /** Tells all threads to take no more files. */
  stop(index: IndexRef): void {
    this.index.stop.store(index, 1);
  }

  isStopped(index: IndexRef): boolean {
    return this.index.stop.load(index) !== 0;
  }

  /** Says that this thread answers from this index while it waits for the next. */
  serve(index: IndexRef): void {
    this.index.serving.add(index, 1);
  }

  /** How many threads have said so. */
  serving(index: IndexRef): number {
    return this.index.serving.load(index);
  }

  /** The name of a file. */
  name(file: number): string {
    return this.names.at.get(this.heap.roots.get(FILES_ROOT), file);
  }

  /** Adds the posting (term, file, count); see {@link TermMap.add}. */
  add(index: IndexRef, bytes: Uint8Array, start: number, length: number, hash: number, file: number, count: number): void {
    this.map.add(this.index.map.get(index), bytes, start, length, hash, file, count);
  }

  /** Says that all postings of a file are in, or that it has none. */
  fileDone(index: IndexRef, file: number, nbytes: number): void {
    // Release: who loads the 1 finds the postings.
    this.octets.at.store(this.index.done.get(index), file, 1);
    this.index.kibDone.add(index, Math.round(nbytes / 1024));
    this.index.filesDone.add(index, 1);
  }

  /** Whether all postings of a file are in. */
  isFileDone(index: IndexRef, file: number): boolean {
    return this.octets.at.load(this.index.done.get(index), file) === 1;
  }

  /** Whether all files are done. */
  isWhole(index: IndexRef): boolean {
    return this.index.filesDone.load(index) === this.files(index);
  }

  /** How far all threads have come with the index of now. */
  progress(): Progress {
    const index = this.current();
    return { files: this.files(index), filesDone: this.index.filesDone.load(index), kibDone: this.index.kibDone.load(index) };
  }

  /** Calls `visit` for each posting of a term; see {@link TermMap.forEachPosting}. */
  forEachPosting(index: IndexRef, term: Uint8Array, hash: number, visit: (file: number, count: number) => void): { readonly files: number; readonly occurrences: number } {
    return this.map.forEachPosting(this.index.map.get(index), term, hash, visit);
  }

  /** Answers for one term, with its `limit` top files. */
  query(term: Uint8Array, hash: number, limit: number): Answer {
    return this.heap.turn(() => {
      const { files, occurrences, top } = this.map.lookup(this.index.map.get(this.current()), term, hash, limit);
      return { files, occurrences, top: top.map(({ file, count }) => ({ file: this.name(file), count })) };
    });
  }

  /** Sums over all shards, and the bytes asked for, for all that the index leads to. */
  totals(): MapTotals {
    return this.heap.turn(() => {
      const index = this.current();
      const totals = this.map.totals(this.index.map.get(index));
      return { ...totals, askedBytes: totals.askedBytes + INDEX_BYTES + OBJECT_HEAD + this.files(index) };
    });
  }
}
