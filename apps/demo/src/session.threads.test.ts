import { describe, expect, it, vi } from "vitest";
import { countByHand } from "./check.ts";
import { InvertedIndex } from "./index/inverted-index.ts";
import type { DropReport, GiveBackReport, QueryLine } from "./report/report.ts";
import { filesToIndex } from "./run.ts";
import { Session } from "./session.ts";
import { buildPlainIndex } from "./testing/plain-index.ts";

const BASE = process.cwd();
const QUIET = { write: (): void => undefined };

/** About `n` of the default run's files, from all over the list. */
function someFiles(n: number): string[] {
  const all = filesToIndex([], BASE);
  const step = Math.max(1, Math.floor(all.length / n));
  return all.filter((_, i) => i % step === 0);
}

/** Asks for all terms, many at a time, with all their files. */
async function askAll(session: Session, terms: Iterable<string>): Promise<QueryLine[]> {
  const answers: QueryLine[] = [];
  const pending = [...terms];
  while (pending.length > 0) {
    const asked = pending.splice(0, 1000).map((term) => session.ask(Buffer.from(term), Infinity));
    answers.push(...(await Promise.all(asked)));
  }
  return answers;
}

/** Drops the index and ends the session. */
async function letGo(session: Session): Promise<DropReport & GiveBackReport> {
  const dropped = await session.drop();
  const givenBack = await session.giveBack(0, () => undefined);
  await session.end();
  return { ...dropped, ...givenBack };
}

describe("the default run", () => {
  it("has at least 2,000 real files to index", () => {
    expect(filesToIndex([], BASE).length).toBeGreaterThanOrEqual(2000);
  });
});

describe("an index built by several workers on one heap", () => {
  it.each([2, 3])("answers as a plain Map built in one thread, for every term and every posting (%i workers)", async (workers) => {
    const files = someFiles(300);
    const plain = buildPlainIndex(files, BASE);
    const session = await Session.start({ maxBytes: 256 << 20, files, base: BASE, workers });
    const indexed = await session.indexAll(QUIET);
    expect(indexed.exhausted).toBeNull();
    expect(indexed.files).toBe(files.length);
    expect(indexed.terms).toBe(plain.size);

    let [postings, occurrences] = [0, 0];
    const answered = new Set<number>();
    for (const answer of await askAll(session, plain.keys())) {
      const perFile = plain.get(answer.term)!;
      answered.add(answer.worker);
      const found = new Map(answer.top.map(({ file, count }) => [file, count]));
      const wanted = new Map([...perFile].map(([file, count]) => [files[file], count]));
      if (found.size !== wanted.size || [...wanted].some(([file, count]) => found.get(file!) !== count)) {
        expect(found, answer.term).toEqual(wanted);
      }
      expect(answer.files).toBe(perFile.size);
      postings += perFile.size;
      occurrences += answer.occurrences;
    }
    expect(indexed.postings).toBe(postings);
    expect(indexed.occurrences).toBe(occurrences);
    expect(answered.size).toBe(workers);

    const dropped = await letGo(session);
    expect(dropped).toMatchObject({ verifyFindings: [], objectsAfter: 0, objectsCollected: indexed.objects });
    expect(indexed.objects + indexed.frees).toBe(indexed.mallocs);
  });

  it("is built again and again while all workers ask, and no answer is wrong, nothing lost, nothing left", async () => {
    const files = someFiles(400);
    const plain = buildPlainIndex(files, BASE);
    const frequent = [...plain].sort((a, b) => b[1].size - a[1].size).slice(0, 20).map(([term]) => term); // prettier-ignore
    const seldom = [...plain].filter(([, perFile]) => perFile.size === 1).slice(0, 20).map(([term]) => term); // prettier-ignore
    const questions = countByHand(files, BASE, [...frequent, ...seldom, "nowhere_to_be_found"].map((term) => Buffer.from(term)));
    const session = await Session.start({ maxBytes: 256 << 20, files, base: BASE, workers: 3, rounds: 4, questions, checkMark: true });
    const indexed = await session.indexAll(QUIET);
    expect(indexed).toMatchObject({ exhausted: null, rounds: 4, files: files.length, terms: plain.size, wrongFindings: [], wrongAnswers: 0 });
    for (const round of indexed.perRound) {
      expect(round.answers).toBeGreaterThanOrEqual(files.length);
      // The file names and one index, whole: whatever was replaced is gone.
      expect(round.liveBytes).toBeGreaterThan(indexed.fragmentation.askedBytes);
      expect(round.liveBytes).toBeLessThan(indexed.fragmentation.askedBytes * 1.25);
    }
    expect(indexed.cycles).toBeGreaterThanOrEqual(4);
    expect(await letGo(session)).toMatchObject({ verifyFindings: [], objectsAfter: 0, objectsCollected: indexed.objects });
  });

  it("is built again and again in a heap that has no room for two of it", async () => {
    const options = { files: someFiles(250), base: BASE, workers: 2 };
    const once = await Session.start({ ...options, maxBytes: 64 << 20 });
    const { liveBytes } = (await once.indexAll(QUIET)).memory;
    await letGo(once);
    const session = await Session.start({ ...options, maxBytes: Math.floor(liveBytes * 1.95), rounds: 6 });
    const indexed = await session.indexAll(QUIET);
    expect(indexed).toMatchObject({ exhausted: null, rounds: 6, files: options.files.length });
    expect(await letGo(session)).toMatchObject({ verifyFindings: [], objectsAfter: 0 });
  });

  it("stays whole when there is no room to begin the next one: the workers stop waiting, and it goes on answering", async () => {
    const files = someFiles(60);
    const questions = countByHand(files, BASE, [Buffer.from("the")]);
    const session = await Session.start({ maxBytes: 64 << 20, files, base: BASE, workers: 2, rounds: 3, questions });
    const begin = vi.spyOn(InvertedIndex.prototype, "begin").mockImplementation(() => {
      throw Object.assign(new Error("no room"), { code: "ERR_HEAP_EXHAUSTED" });
    });
    try {
      const indexed = await session.indexAll(QUIET);
      // Once, and once more after a collection.
      expect(begin.mock.calls).toEqual([[2], [2]]);
      expect(indexed).toMatchObject({ exhausted: "no room", rounds: 2, files: files.length, wrongAnswers: 0, wrongFindings: [] });
      expect((await session.ask(Buffer.from("the"))).files).toBe(questions[0]!.files.length);
      expect(await letGo(session)).toMatchObject({ verifyFindings: [], objectsAfter: 0 });
    } finally {
      begin.mockRestore();
    }
  });

  it("stays whole when the heap is too small: what it holds is right, and all of it is collected in the end", async () => {
    const files = someFiles(250);
    const plain = buildPlainIndex(files, BASE);
    const session = await Session.start({ maxBytes: 1 << 20, files, base: BASE, workers: 2 });
    const indexed = await session.indexAll(QUIET);
    expect(indexed.exhausted).toContain("1048576");
    expect(indexed.files).toBeLessThan(files.length);
    expect(indexed.files).toBeGreaterThan(0);

    let terms = 0;
    for (const answer of await askAll(session, plain.keys())) {
      terms += answer.files > 0 ? 1 : 0;
      const perFile = plain.get(answer.term)!;
      const wrong = answer.top.filter(({ file, count }) => perFile.get(files.indexOf(file)) !== count);
      expect(wrong, answer.term).toEqual([]);
    }
    expect(indexed.terms).toBe(terms);

    expect(await letGo(session)).toMatchObject({ verifyFindings: [], objectsAfter: 0 });
  });

  it("is not begun when the heap has no room even for the names of the files", async () => {
    const names = Array.from({ length: 40_000 }, (_, i) => `no/such/file/${i}`);
    await expect(Session.start({ maxBytes: 1 << 20, files: names, base: BASE, workers: 1 })).rejects.toMatchObject({ code: "ERR_HEAP_EXHAUSTED" });
  });
});
