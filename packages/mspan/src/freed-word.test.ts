import { expect, test } from "vitest";
import { FREED_MERGE, freedMerges } from "./freed-word.ts";
import { FREED_FULL, FREED_HELD, FREED_LISTED, freedCount, freedState } from "./index.ts";

const STATES = [FREED_HELD, FREED_FULL, FREED_LISTED];

test("state, count and merges are read apart for every count that can occur, also below 0", () => {
  for (const state of STATES) {
    for (const merges of [0, 1, 2, 8191, 16383]) {
      for (let count = -1024; count <= 1024; count++) {
        const word = (state + count + Math.imul(merges, FREED_MERGE)) | 0;
        expect(freedState(word)).toBe(state);
        expect(freedCount(word)).toBe(count);
        expect(freedMerges(word)).toBe(merges);
      }
    }
  }
});

test("going from one state to another is an addition that leaves count and merges alone", () => {
  for (const from of STATES) {
    for (const to of STATES) {
      const word = (from + 77 + Math.imul(9001, FREED_MERGE)) | 0;
      const then = (word + (to - from)) | 0;
      expect([freedState(then), freedCount(then), freedMerges(then)]).toEqual([to, 77, 9001]);
    }
  }
});

test("merges count on past 2^14", () => {
  const word = (FREED_HELD + Math.imul(16383, FREED_MERGE)) | 0;
  expect(freedMerges((word + FREED_MERGE) | 0)).toBe(0);
  expect(freedState((word + FREED_MERGE) | 0)).toBe(FREED_HELD);
});
