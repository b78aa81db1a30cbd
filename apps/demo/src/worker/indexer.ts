/**
 * One thread's part in a round: take a file, count its terms, add them to the shared index, ask the index a question, until no file is left.
 *
 * The thread never returns to its event loop meanwhile, so it ends its turns itself: between files, and in long files every few thousand terms.
 * With the turn ends what it knows of the heap, so it asks for the index again each time. Before the new index is there it answers from the
 * old one; after the last file it goes on asking until the others are done too.
 *
 * A full heap is no accident here but an outcome. Garbage that this very turn keeps is collected first, and the term added again; when that is
 * no help, the thread tells the others to stop, and reports what happened. What it had added of its last file stays in the index, which remains
 * whole and can be queried.
 */
import { resolve } from "node:path";
import type { Heap } from "@mallocgc/runtime";
import { type IndexRef, type InvertedIndex, NO_FILE } from "../index/inverted-index.ts";
import { FileReader, type SkipReason } from "../text/read-file.ts";
import { TermCounts, type TermSink } from "../text/term-counts.ts";
import type { IndexingDone } from "./protocol.ts";
import type { Questions } from "./questions.ts";

/** Terms that are added in one turn, at most. */
const TERMS_PER_TURN = 2000;

/** One thread that indexes files. Names are taken relative to `base`. */
export class Indexer implements TermSink {
  private readonly heap: Heap;
  private readonly index: InvertedIndex;
  private readonly questions: Questions;
  private readonly base: string;
  private readonly reader = new FileReader();
  private readonly terms = new TermCounts();
  private at: IndexRef = 0;
  private termsInTurn = 0;

  constructor(heap: Heap, index: InvertedIndex, questions: Questions, base: string) {
    this.heap = heap;
    this.index = index;
    this.questions = questions;
    this.base = base;
  }

  /** Takes part in the index of that number until it is whole, or cannot be. */
  run(round: number): IndexingDone {
    const { index, questions } = this;
    const before = { answers: questions.answers, wrong: questions.wrong, requests: index.requests.total };
    const skipped: { file: string; reason: SkipReason }[] = [];
    const exhausted: string[] = [];
    let [files, bytesRead, began, ended] = [0, 0, 0, 0];
    let waits = false;
    try {
      for (;;) {
        this.newTurn();
        if (index.round(this.at) === round) {
          began ||= performance.now();
          const file = index.takeFile(this.at);
          if (file !== NO_FILE) {
            const name = index.name(file);
            const length = this.indexFile(file, name);
            ended = performance.now();
            if (typeof length === "number") {
              files++;
              bytesRead += length;
            } else {
              skipped.push({ file: name, reason: length });
            }
          } else if (index.isStopped(this.at) || index.isWhole(this.at)) {
            break;
          }
        } else if (index.isStopped(this.at)) {
          break;
        }
        questions.ask(this.at);
        if (!waits && index.round(this.at) < round) {
          waits = true;
          index.serve(this.at);
        }
      }
    } catch (error) {
      // Whatever it was: the others must not wait for this thread's file.
      index.stop(index.current());
      if (!isHeapExhausted(error)) throw error;
      exhausted.push(error.message);
    }
    return {
      files,
      skipped,
      bytesRead,
      seconds: Math.max(ended - began, 0) / 1000,
      requests: index.requests.total - before.requests,
      answers: questions.answers - before.answers,
      wrong: questions.wrong - before.wrong,
      findings: questions.findings,
      maxStallUs: this.heap.gcStats().maxStallMs * 1000,
      ...(exhausted[0] === undefined ? {} : { exhausted: exhausted[0] }),
    };
  }

  /** Reads a file and adds its terms; the bytes read, or why it was skipped. */
  private indexFile(file: number, name: string): number | SkipReason {
    const length = this.reader.read(resolve(this.base, name));
    if (typeof length === "number") {
      this.terms.count(this.reader.buffer, length);
      this.terms.drainTo(this, file);
    }
    this.index.fileDone(this.at, file, typeof length === "number" ? length : 0);
    return length;
  }

  /** Adds a posting to the index of now. */
  add(bytes: Uint8Array, start: number, length: number, hash: number, file: number, count: number): void {
    if (++this.termsInTurn > TERMS_PER_TURN) this.newTurn();
    try {
      this.index.add(this.at, bytes, start, length, hash, file, count);
    } catch (error) {
      if (!isHeapExhausted(error)) throw error;
      this.heap.gcSync();
      this.newTurn();
      this.index.add(this.at, bytes, start, length, hash, file, count);
    }
  }

  private newTurn(): void {
    this.heap.safepoint();
    this.termsInTurn = 0;
    this.at = this.index.current();
  }
}

/** Whether the heap refused because `maxBytes` is reached. */
export function isHeapExhausted(error: unknown): error is Error {
  return error instanceof Error && (error as { code?: unknown }).code === "ERR_HEAP_EXHAUSTED";
}
