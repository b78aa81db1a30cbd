import { canCheckModels, checkModel } from "@mallocgc/testing";
import { describe, expect, test } from "vitest";

/** A program of one P: the other has no turn. */
const ALONE = ["OPS1=0", "TURNS1=0"];
/** Both go on about the root alone; the second only clears it. */
const OVER_THE_ROOT = ["ROOTS_ONLY", "SECOND_CLEARS"];

describe.skipIf(!canCheckModels())("the model of the collector", () => {
  for (const { program, states, says } of [
    { program: ["OPS0=1", "OPS1=1"], states: 1_700_000, says: "two Ps" },
    { program: ["OPS0=3", ...ALONE, "MARKER"], states: 700_000, says: "two markers" },
    { program: ["OPS0=2", "TURNS0=2", ...ALONE, "HANDLES"], states: 250_000, says: "handles" },
    { program: ["OPS0=3", ...ALONE, "ALLOC", "LEAVE"], states: 200_000, says: "spans that change holders" },
    { program: ["OPS0=3", ...ALONE, "WEAK", "ALLOC"], states: 500_000, says: "weak refs" },
    { program: ["OPS0=3", ...ALONE, "WEAK", "CYCLES=2"], states: 500_000, says: "weak refs in two cycles" },
    { program: ["OPS0=1", "TURNS0=2", ...ALONE, "ALLOC", "CYCLES=2"], states: 200_000, says: "turns in two cycles" },
    { program: ["OPS0=1", "OPS1=2", "MARKER", "KNOWS"], states: 8_700_000, says: "two Ps and two markers" },
  ]) {
    test(`${says}: nothing reachable is freed, no slot handed out twice, all that was dead is freed, in every interleaving`, () => {
      const result = checkModel("gc", program);
      expect(result.errors, result.said).toBe(0);
      expect(result.states, "the whole space was searched").toBeGreaterThan(states);
      expect(result.said).not.toMatch(/search not completed|max search depth too small|out of memory/i);
    });
  }

  for (const { fault, program } of [
    { fault: "NO_ARM", program: ["OPS0=1", "OPS1=1", "TURNS0=2", "HOLDS", ...OVER_THE_ROOT] },
    { fault: "NO_GRACE", program: ["OPS0=1", "OPS1=1"] },
    { fault: "NO_SHADE_OLD", program: ["OPS0=2", "OPS1=1"] },
    { fault: "NO_SHADE_NEW", program: ["OPS0=1", "OPS1=1", "TURNS0=2", "HOLDS", ...OVER_THE_ROOT] },
    { fault: "WHITE_ALLOCATION", program: ["OPS0=1", "OPS1=1", "ALLOC"] },
    { fault: "BLACKEN_AGAIN", program: ["OPS0=4", ...ALONE, "ALLOC", "LEAVE", "CYCLES=2", ...OVER_THE_ROOT] },
    { fault: "BLACK_GEN_BY_HEAP", program: ["OPS0=2", "TURNS0=2", ...ALONE, "ALLOC", "CYCLES=2"] },
    { fault: "BLACK_IN_ANY_GENERATION", program: ["OPS0=2", "TURNS0=2", ...ALONE, "ALLOC", "CYCLES=2"] },
    { fault: "SWEEP_CACHED", program: ["OPS0=1", "OPS1=1", "ALLOC"] },
    { fault: "STAMP_BY_HEAP", program: ["OPS0=1", "OPS1=1", "ALLOC", "CYCLES=2"] },
    { fault: "SET_BY_HEAP", program: ["OPS0=1", "OPS1=1", "ALLOC", "LEAVE", "CYCLES=2"] },
    { fault: "LOSE_SWEPT", program: ["OPS0=1", "OPS1=1", "ALLOC", "CYCLES=2"] },
    { fault: "STALE_NOT_TAKEN", program: ["OPS0=1", "OPS1=1", "WEAK"] },
    { fault: "DISCARD_AT_TURN_END", program: ["OPS0=2", "OPS1=1"] },
    { fault: "FLUSH_UNANNOUNCED", program: ["OPS0=2", ...ALONE, "CYCLES=2"] },
    { fault: "FLUSH_UNSEEN", program: ["OPS0=2", ...ALONE, "CYCLES=2"] },
    { fault: "KEEP_BUFFER", program: ["OPS0=1", ...ALONE, "CYCLES=2"] },
    { fault: "SHADE_AFTER_ACK", program: ["OPS0=1", ...ALONE, "CYCLES=2"] },
    { fault: "NO_QUIET_START", program: ["OPS0=3", ...ALONE, "MARKER"] },
    { fault: "NO_WORK_SEQ", program: ["OPS0=3", ...ALONE, "MARKER"] },
    { fault: "TAKE_FIRST", program: ["OPS0=2", ...ALONE, "MARKER"] },
    { fault: "DECIDE_EARLY", program: ["OPS0=2", "OPS1=1", ...OVER_THE_ROOT] },
    { fault: "MARK_UNSEEN", program: ["OPS0=1", "OPS1=2", "MARKER", "KNOWS"] },
    { fault: "NO_TERM", program: ["OPS0=1", "OPS1=1", "WEAK"] },
    { fault: "REVIVED_LATE", program: ["OPS0=1", "OPS1=1", "WEAK"] },
    { fault: "WEAK_UNMARKED_IS_DEAD", program: ["OPS0=1", "OPS1=1", "WEAK"] },
    { fault: "WEAK_UNSWEPT_IS_ALIVE", program: ["OPS0=1", "OPS1=1", "WEAK"] },
    { fault: "NO_CYCLE_NUMBER", program: ["OPS0=1", "OPS1=1", "ALLOC", "CYCLES=2"] },
  ]) {
    test(`with ${fault} an error is found`, () => {
      expect(checkModel("gc", [...program, fault]).errors).toBe(1);
    });
  }
});
