/**
 * The questions that a thread asks of the index while it is being built, dropped and built again, and what is right as an answer.
 *
 * What each file holds was counted beforehand, in one thread, without the heap. While an index grows, an answer is right when
 *
 *     every posting is of a file that holds the term, with just that count, and no file is there twice
 *     every file that was done before the question was asked is there, if it holds the term
 *     the sums that come with the answer are those of its postings
 *
 * so that an answer from a whole index has to be equal to what was counted. A thread that answers from an index that has just been dropped finds all
 * of it until its turn ends.
 */
import type { IndexRef, InvertedIndex } from "../index/inverted-index.ts";
import { hashTerm } from "../text/tokenizer.ts";

/** A term, and how often each file holds it. Arrays, so that it can be sent to a thread. */
export interface Question {
  readonly term: Uint8Array;
  /** Files that hold it, ascending, and their counts. */
  readonly files: Uint32Array;
  readonly counts: Uint32Array;
}

/** Wrong answers that are told in full; the others are only counted. */
const MOST_FINDINGS = 10;

/** What became of a file of the question. */
const MAY = 0;
const MUST = 1;
const FOUND = 2;

/** One thread's questions. */
export class Questions {
  answers = 0;
  wrong = 0;
  /** The first wrong answers, as sentences. */
  readonly findings: string[] = [];
  private readonly index: InvertedIndex;
  private readonly questions: readonly Question[];
  private readonly places: readonly ReadonlyMap<number, number>[];
  private readonly hashes: readonly number[];
  private readonly states: readonly Uint8Array[];
  private next: number;

  /** `first`: the question to begin with. */
  constructor(index: InvertedIndex, questions: readonly Question[], first: number) {
    this.index = index;
    this.questions = questions;
    this.places = questions.map(({ files }) => new Map(Array.from(files, (file, place) => [file, place])));
    this.hashes = questions.map(({ term }) => hashTerm(term, term.length));
    this.states = questions.map(({ files }) => new Uint8Array(files.length));
    this.next = first;
  }

  /** Asks the next question of an index, and checks the answer. In the caller's turn. */
  ask(at: IndexRef): void {
    if (this.questions.length === 0) return;
    const n = this.next++ % this.questions.length;
    const { index } = this;
    const { term, files, counts } = this.questions[n]!;
    const places = this.places[n]!;
    const state = this.states[n]!;
    for (let place = 0; place < files.length; place++) state[place] = index.isFileDone(at, files[place]!) ? MUST : MAY;

    let wrong: string | undefined;
    let [postings, occurrences] = [0, 0];
    const said = index.forEachPosting(at, term, this.hashes[n]!, (file, count) => {
      const place = places.get(file);
      if (place === undefined) wrong ??= `file ${file} does not hold it`;
      else if (state[place] === FOUND) wrong ??= `file ${file} is there twice`;
      else if (counts[place] !== count) wrong ??= `file ${file} has it ${counts[place]!} times, not ${count}`;
      else state[place] = FOUND;
      postings++;
      occurrences += count;
    });
    const missed = state.indexOf(MUST);
    if (missed >= 0) wrong ??= `file ${files[missed]!} is missing, which was done before`;
    if (said.files !== postings || said.occurrences !== occurrences) {
      wrong ??= `it says ${said.files} files and ${said.occurrences} occurrences, its postings say ${postings} and ${occurrences}`;
    }
    this.answers++;
    if (wrong === undefined) return;
    this.wrong++;
    if (this.findings.length < MOST_FINDINGS) this.findings.push(`index ${index.round(at)}, ${Buffer.from(term).toString()}: ${wrong}`);
  }
}
