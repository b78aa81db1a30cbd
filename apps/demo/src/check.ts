/**
 * The answers, checked by counting: the files are read in one thread, and a plain Map counts the asked terms.
 *
 * It shares the tokenizer with the index and nothing else, so it finds what threads, locks, packing, the heap or its collector did
 * wrong. (That the tokenizer itself is right is held by its tests.)
 */
import { resolve } from "node:path";
import type { Answer, NamedCount } from "./index/inverted-index.ts";
import { FileReader } from "./text/read-file.ts";
import { Tokenizer, hashTerm } from "./text/tokenizer.ts";
import type { Question } from "./worker/questions.ts";

/** Counts the terms in all files: for each, how often each file holds it. Each term once, in their order. */
export function countByHand(files: readonly string[], base: string, terms: readonly Uint8Array[]): Question[] {
  const counts = new Map<string, Map<number, number>>();
  const byHash = new Map<number, string[]>();
  for (const bytes of terms) {
    const term = decode(bytes, bytes.length);
    if (counts.has(term)) continue;
    counts.set(term, new Map());
    const hash = hashTerm(bytes, bytes.length);
    byHash.set(hash, [...(byHash.get(hash) ?? []), term]);
  }
  const reader = new FileReader();
  const tokenizer = new Tokenizer();
  for (const [file, name] of files.entries()) {
    const length = reader.read(resolve(base, name));
    if (typeof length !== "number") continue;
    tokenizer.begin(reader.buffer, length);
    while (tokenizer.next()) {
      // Few words get past the hash, so that the files leave no strings behind.
      if (byHash.get(tokenizer.hash)?.includes(decode(tokenizer.term, tokenizer.length)) !== true) continue;
      const perFile = counts.get(decode(tokenizer.term, tokenizer.length))!;
      perFile.set(file, (perFile.get(file) ?? 0) + 1);
    }
  }
  return [...counts].map(([term, perFile]) => ({
    term: new TextEncoder().encode(term),
    files: Uint32Array.from(perFile.keys()),
    counts: Uint32Array.from(perFile.values()),
  }));
}

/** What was counted, in the form of an answer with `top` files. */
export function asAnswer(names: readonly string[], { files, counts }: Question, top: number): Answer {
  const best: NamedCount[] = Array.from(files, (file, place) => ({ file, count: counts[place]! }))
    .sort((a, b) => b.count - a.count || a.file - b.file)
    .slice(0, top)
    .map(({ file, count }) => ({ file: names[file]!, count }));
  return { files: files.length, occurrences: counts.reduce((sum, count) => sum + count, 0), top: best };
}

/** What is different between the index's answer and the counted one; undefined when nothing is. */
export function difference(answer: Answer, counted: Answer): string | undefined {
  if (answer.files !== counted.files) return `the index says ${answer.files} files, counting says ${counted.files}`;
  if (answer.occurrences !== counted.occurrences) {
    return `the index says ${answer.occurrences} occurrences, counting says ${counted.occurrences}`;
  }
  for (const [i, { file, count }] of counted.top.entries()) {
    const said = answer.top[i];
    if (said?.file !== file || said.count !== count) {
      return `place ${i + 1} is ${file} (${count}), the index says ${said === undefined ? "nothing" : `${said.file} (${said.count})`}`;
    }
  }
  return undefined;
}

function decode(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString();
}
