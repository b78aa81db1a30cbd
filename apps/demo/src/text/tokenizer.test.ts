import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainTerms } from "../testing/plain-index.ts";
import { TermCounts } from "./term-counts.ts";
import { MAX_TERM_BYTES, Tokenizer, hashTerm, termsOf } from "./tokenizer.ts";

function terms(bytes: Uint8Array): string[] {
  const tokenizer = new Tokenizer();
  const found: string[] = [];
  tokenizer.begin(bytes, bytes.length);
  while (tokenizer.next()) found.push(Buffer.from(tokenizer.term.subarray(0, tokenizer.length)).toString());
  return found;
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Text rich in what is hard: case that changes length, marks, astral letters, separators, runs near the limit. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.string({ unit: "binary" }),
      fc.constantFrom("K", "Ⱥ", "ß", "İ", "ſ", "Σ", "𝒳", "𐐀", "日本語", "e\u0301", "—", "\ufeff", "_", "a1_B2", " ", "\0"),
      fc.integer({ min: 60, max: 68 }).map((n) => "x".repeat(n)),
      fc.integer({ min: 30, max: 34 }).map((n) => "É".repeat(n)),
    ),
  )
  .map((parts) => parts.join(""));

describe("the tokenizer", () => {
  it("finds the same terms in any text as a regular expression over the decoded string", () => {
    fc.assert(
      fc.property(text, (s) => {
        expect(terms(utf8(s))).toEqual(plainTerms(utf8(s)));
      }),
      { numRuns: 500 },
    );
  });

  it("treats bytes that are not UTF-8 as separators, as a decoder's replacement characters are", () => {
    const lead = fc.constantFrom(0xc0, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff, 0x80, 0xa0, 0xbf, 0x61, 0x41);
    fc.assert(
      fc.property(fc.array(fc.oneof(lead, fc.nat(255))), (bytes) => {
        const array = Uint8Array.from(bytes);
        expect(terms(array)).toEqual(plainTerms(array));
      }),
      { numRuns: 1000 },
    );
  });

  it("reads no byte beyond the end it was given", () => {
    fc.assert(
      fc.property(text, fc.nat(), (s, cut) => {
        const bytes = utf8(s);
        const end = bytes.length === 0 ? 0 : cut % bytes.length;
        const tokenizer = new Tokenizer();
        const found: string[] = [];
        tokenizer.begin(bytes, end);
        while (tokenizer.next()) found.push(Buffer.from(tokenizer.term.subarray(0, tokenizer.length)).toString());
        expect(found).toEqual(plainTerms(bytes.subarray(0, end)));
      }),
    );
  });

  it("is done after one pass: the terms of its terms are themselves", () => {
    fc.assert(
      fc.property(text, (s) => {
        for (const term of terms(utf8(s))) expect(terms(utf8(term))).toEqual([term]);
      }),
    );
  });

  it("gives each term the hash that a query for it will look under", () => {
    fc.assert(
      fc.property(text, (s) => {
        const tokenizer = new Tokenizer();
        const bytes = utf8(s);
        tokenizer.begin(bytes, bytes.length);
        while (tokenizer.next()) expect(tokenizer.hash).toBe(hashTerm(tokenizer.term, tokenizer.length));
      }),
    );
  });

  it("keeps a run of 64 bytes and drops one of 65", () => {
    const longest = "a".repeat(MAX_TERM_BYTES);
    expect(terms(utf8(`${longest} ${longest}a b`))).toEqual([longest, "b"]);
  });

  it("cuts a query as it cuts a file", () => {
    expect(termsOf("Hello, WORLD: Größe!").map((term) => Buffer.from(term).toString())).toEqual(["hello", "world", "größe"]);
    expect(termsOf(" -- ")).toEqual([]);
  });
});

describe("the counts of one file", () => {
  it("are those of a Map over its terms, file after file in one table that has to grow", () => {
    const counts = new TermCounts();
    const many = Array.from({ length: 20_000 }, (_, i) => `w${i % 9000}`).join(" ");
    for (const s of ["a b a", many, "", "b B b c"]) {
      const expected = new Map<string, number>();
      for (const term of plainTerms(utf8(s))) expected.set(term, (expected.get(term) ?? 0) + 1);
      const found = new Map<string, number>();
      const occurrences = counts.count(utf8(s), utf8(s).length);
      const sink = {
        add(bytes: Uint8Array, start: number, length: number, hash: number, file: number, count: number): void {
          expect(hash).toBe(hashTerm(bytes.subarray(start), length));
          expect(file).toBe(7);
          found.set(Buffer.from(bytes.subarray(start, start + length)).toString(), count);
        },
      };
      counts.drainTo(sink, 7);
      expect(found).toEqual(expected);
      expect(occurrences).toBe([...expected.values()].reduce((a, b) => a + b, 0));
    }
  });
});
