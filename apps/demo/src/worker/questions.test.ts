import { createHeap } from "@mallocgc/runtime";
import { describe, expect, it } from "vitest";
import { InvertedIndex } from "../index/inverted-index.ts";
import { hashTerm } from "../text/tokenizer.ts";
import { type Question, Questions } from "./questions.ts";

const TERM = Buffer.from("word");
const NAMES = ["a", "b", "c", "d"];
/** The term is in the files 0, 2 and 3. */
const RIGHT: Question = { term: TERM, files: Uint32Array.of(0, 2, 3), counts: Uint32Array.of(5, 1, 2) };

/** Asks once, of an index that holds these postings and in which these files are done. */
function ask(postings: readonly (readonly [file: number, count: number])[], done: readonly number[], question = RIGHT): Questions {
  const heap = createHeap({ maxBytes: 1 << 20, gcWorkers: 0 });
  const index = new InvertedIndex(heap);
  index.setFiles(NAMES);
  index.begin(7);
  const questions = new Questions(index, [question], 0);
  heap.turn(() => {
    const at = index.current();
    for (const [file, count] of postings) index.add(at, TERM, 0, TERM.length, hashTerm(TERM, TERM.length), file, count);
    for (const file of done) index.fileDone(at, file, 100);
    questions.ask(at);
  });
  heap.close();
  return questions;
}

describe("an answer", () => {
  it.each([
    ["of a whole index", [[3, 2], [0, 5], [2, 1]], [0, 1, 2, 3]],
    ["of an index with nothing in it", [], []],
    ["that has all of the files that are done", [[2, 1]], [1, 2]],
    ["that has more than these, from files that are being added", [[2, 1], [0, 5]], [1, 2]],
  ] as const)("%s is right", (_, postings, done) => {
    expect(ask(postings, done)).toMatchObject({ answers: 1, wrong: 0, findings: [] });
  });

  it.each([
    ["lacks a file that is done", [[2, 1]], [0, 2], "file 0 is missing, which was done before"],
    ["has a file that does not hold the term", [[1, 1]], [], "file 1 does not hold it"],
    ["has a file twice", [[2, 1], [2, 1]], [], "file 2 is there twice"],
    ["has another count", [[2, 3]], [], "file 2 has it 1 times, not 3"],
  ] as const)("that %s is wrong", (_, postings, done, finding) => {
    const { answers, wrong, findings } = ask(postings, done);
    expect([answers, wrong]).toEqual([1, 1]);
    expect(findings).toEqual([`index 7, word: ${finding}`]);
  });

  it("to the question for a term that no file holds is right when it is empty, and else wrong", () => {
    const nowhere: Question = { term: TERM, files: new Uint32Array(0), counts: new Uint32Array(0) };
    expect(ask([], [0, 1, 2, 3], nowhere).wrong).toBe(0);
    expect(ask([[1, 1]], [], nowhere).wrong).toBe(1);
  });
});
