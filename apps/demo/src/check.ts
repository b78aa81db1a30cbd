/**
 * The answers, checked by counting: the same files are read again in one thread, and a plain Map counts the asked terms.
 *
 * It shares the tokenizer with the index and nothing else, so it finds what threads, locks, packing or the heap did
 * wrong. (That the tokenizer itself is right is held by its tests.)
 */
import { resolve } from "node:path";
import type { Answer, NamedCount } from "./index/inverted-index.ts";
import { FileReader } from "./text/read-file.ts";
import { Tokenizer, hashTerm } from "./text/tokenizer.ts";

/** What counting gives for each of `terms`, in the form of an answer with `top` files. */
export function countByHand(files: readonly string[], base: string, terms: readonly string[], top: number): Map<string, Answer> {
  const counts = new Map<string, Map<number, number>>();
  const byHash = new Map<number, string[]>();
  for (const term of new Set(terms)) {
    counts.set(term, new Map());
    const bytes = Buffer.from(term);
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
  return new Map([...counts].map(([term, perFile]) => [term, asAnswer(files, perFile, top)]));
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

function asAnswer(files: readonly string[], perFile: ReadonlyMap<number, number>, top: number): Answer {
  const best: NamedCount[] = [...perFile]
    .sort((a, b) => b[1] - a[1] || a[0] - b[0])
    .slice(0, top)
    .map(([file, count]) => ({ file: files[file]!, count }));
  let occurrences = 0;
  for (const count of perFile.values()) occurrences += count;
  return { files: perFile.size, occurrences, top: best };
}
