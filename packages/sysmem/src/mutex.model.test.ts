import { canCheckModels, checkModel } from "@mallocgc/testing";
import { describe, expect, test } from "vitest";

describe.skipIf(!canCheckModels())("the model of the mutex", () => {
  test("three threads: never two inside, never one asleep for ever, in every interleaving", () => {
    const { errors, states, said } = checkModel("mutex", []);
    expect(errors, said).toBe(0);
    expect(states, "the whole space was searched").toBeGreaterThan(50_000);
    expect(said).not.toMatch(/search not completed|max search depth too small/i);
  });

  for (const fault of ["FORGETFUL_WAKER", "BLIND_WAIT", "PLAIN_UNLOCK", "SPLIT_LOCK"]) {
    test(`with ${fault} an error is found`, () => {
      expect(checkModel("mutex", [fault]).errors).toBe(1);
    });
  }
});
