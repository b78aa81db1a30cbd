/**
 * The same index built the plain way, as an oracle: one thread, strings, regular expressions, a Map of Maps.
 *
 * It shares no code with the real one. It states the definition of a term anew: decode UTF-8 (what is not valid becomes
 * U+FFFD, which is no letter), cut runs of letters, marks, numbers and `_`, lower-case each code point by itself, drop
 * runs of more than 64 bytes.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

/** term → file number → occurrences. */
export type PlainIndex = Map<string, Map<number, number>>;

/** The terms of some bytes, in order. */
export function plainTerms(bytes: Uint8Array): string[] {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  return (text.match(/[\p{L}\p{M}\p{N}_]+/gu) ?? []).map(lower).filter((term) => Buffer.byteLength(term) <= 64);
}

/** Indexes files, whose names are relative to `base`. */
export function buildPlainIndex(files: readonly string[], base: string): PlainIndex {
  const index: PlainIndex = new Map();
  for (const [file, name] of files.entries()) {
    for (const term of plainTerms(readFileSync(resolve(base, name)))) {
      let postings = index.get(term);
      if (postings === undefined) index.set(term, (postings = new Map()));
      postings.set(file, (postings.get(file) ?? 0) + 1);
    }
  }
  return index;
}

function lower(run: string): string {
  let out = "";
  for (const char of run) {
    const folded = char.toLowerCase();
    out += Array.from(folded).length === 1 ? folded : char;
  }
  return out;
}
