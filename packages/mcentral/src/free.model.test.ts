import { canCheckModels, checkModel } from "@mallocgc/testing";
import { describe, expect, test } from "vitest";

describe.skipIf(!canCheckModels())("the model of free", () => {
  for (const { flags, states, says } of [
    { flags: ["OPS=3"], states: 300_000, says: "each block freed once" },
    { flags: ["OPS=3", "DOUBLE"], states: 400_000, says: "blocks freed by several threads" },
    { flags: ["OPS=3", "RECLAIM", "THRESHOLD=2"], states: 300_000, says: "a threshold that changes" },
  ]) {
    test(`${says}: no slot is handed out twice, no free lost or wrongly refused, each empty span given back once, in every interleaving`, () => {
      const result = checkModel("free", flags);
      expect(result.errors, result.said).toBe(0);
      expect(result.states, "the whole space was searched").toBeGreaterThan(states);
      expect(result.said).not.toMatch(/search not completed|max search depth too small/i);
    });
  }

  for (const fault of [
    ["BLIND_TAKE_BACK"],
    ["RELEASE_UNCHECKED"],
    ["RELEASE_BY_BITS"],
    ["STALE_WAITING"],
    ["COUNT_FIRST"],
    ["THRESHOLD=2", "RECLAIM", "EXACT_THRESHOLD"],
    ["DOUBLE", "NO_SECOND_CHECK"],
    ["DOUBLE", "CLEAR_FIRST"],
    ["DOUBLE", "CLEAR_ALL"],
  ]) {
    test(`with ${fault.join(", ")} an error is found`, () => {
      expect(checkModel("free", ["OPS=4", ...fault]).errors).toBe(1);
    });
  }
});
