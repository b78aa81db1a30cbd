/**
 * One thread's indexing: take a file, count its terms, add them to the shared index, until no file is left.
 *
 * A full heap is no accident here but an outcome: the thread tells the others to stop, and reports what happened. What
 * it had added of its last file stays in the index, which remains whole, can be queried and freed.
 */
import { resolve } from "node:path";
import { NO_FILE, type InvertedIndex } from "../index/inverted-index.ts";
import { FileReader, type SkipReason } from "../text/read-file.ts";
import { TermCounts } from "../text/term-counts.ts";
import type { IndexingDone } from "./protocol.ts";

/** Indexes files of `index` until none is left. Names are taken relative to `base`. */
export function indexFiles(index: InvertedIndex, base: string): IndexingDone {
  const began = performance.now();
  const reader = new FileReader();
  const terms = new TermCounts();
  const skipped: { file: string; reason: SkipReason }[] = [];
  let files = 0;
  let bytesRead = 0;
  let exhausted: string | undefined;
  try {
    for (let file = index.takeFile(); file !== NO_FILE; file = index.takeFile()) {
      const name = index.name(file);
      const length = reader.read(resolve(base, name));
      if (typeof length === "number") {
        terms.count(reader.buffer, length);
        terms.drainTo(index, file);
        files++;
        bytesRead += length;
        index.fileDone(length);
      } else {
        skipped.push({ file: name, reason: length });
        index.fileDone(0);
      }
    }
  } catch (error) {
    if (!isHeapExhausted(error)) throw error;
    index.stop();
    exhausted = error.message;
  }
  const seconds = (performance.now() - began) / 1000;
  return { files, skipped, bytesRead, seconds, ...(exhausted === undefined ? {} : { exhausted }) };
}

/** Whether the heap refused because `maxBytes` is reached. */
export function isHeapExhausted(error: unknown): error is Error {
  return error instanceof Error && (error as { code?: unknown }).code === "ERR_HEAP_EXHAUSTED";
}
