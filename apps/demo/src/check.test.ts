import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { asAnswer, countByHand, difference } from "./check.ts";
import { markdownAndTypeScript, listFiles } from "./text/files.ts";
import { buildPlainIndex } from "./testing/plain-index.ts";

const SOURCES = join(import.meta.dirname, "index");

describe("counting by hand", () => {
  it("counts as an index of strings does", () => {
    const files = listFiles([SOURCES], markdownAndTypeScript, SOURCES);
    const plain = buildPlainIndex(files, SOURCES);
    const terms = [...plain.keys(), "nowhere_to_be_found"];
    const counted = countByHand(files, SOURCES, terms.map((term) => Buffer.from(term)));
    expect(counted.map(({ term }) => Buffer.from(term).toString())).toEqual(terms);
    for (const question of counted) {
      const term = Buffer.from(question.term).toString();
      const answer = asAnswer(files, question, Infinity);
      const perFile = plain.get(term) ?? new Map<number, number>();
      expect(new Map(answer.top.map(({ file, count }) => [files.indexOf(file), count])), term).toEqual(perFile);
      expect(answer.files).toBe(perFile.size);
      expect(answer.occurrences).toBe([...perFile.values()].reduce((a, b) => a + b, 0));
    }
  });

  it("finds each way in which an answer can be wrong", () => {
    const right = { files: 2, occurrences: 7, top: [{ file: "a", count: 5 }, { file: "b", count: 2 }] }; // prettier-ignore
    expect(difference(right, right)).toBeUndefined();
    expect(difference({ ...right, files: 3 }, right)).toContain("3 files");
    expect(difference({ ...right, occurrences: 8 }, right)).toContain("8 occurrences");
    expect(difference({ ...right, top: [right.top[1]!, right.top[0]!] }, right)).toContain("place 1 is a (5), the index says b (2)");
    expect(difference({ ...right, top: [right.top[0]!] }, right)).toContain("the index says nothing");
  });
});
