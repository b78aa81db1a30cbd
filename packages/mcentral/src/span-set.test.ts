import fc from "fast-check";
import type { SpanPtr } from "@mallocgc/mspan";
import { expect, test } from "vitest";
import { NUM_SETS } from "./index.ts";
import { TestCentral } from "./testing/test-central.ts";

const CLASSES = [5, 13];

test("sets are queues from which any span can be taken, whatever the order, and never touch each other", () => {
  const step = fc.record({ what: fc.constantFrom("push", "push", "pop", "remove"), spanClass: fc.constantFrom(...CLASSES), set: fc.nat(NUM_SETS - 1), which: fc.nat(100) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
      const t = TestCentral.create(1 << 20);
      const { sets } = t.central;
      const model = new Map(CLASSES.map((spc) => [spc, Array.from({ length: NUM_SETS }, (): SpanPtr[] => [])]));
      const idle = CLASSES.flatMap((spc) => Array.from({ length: 12 }, () => ({ spc, s: t.grown(spc, 1) })));
      for (const { what, spanClass, set, which } of steps) {
        const central = t.central.recordOf(spanClass);
        const list = model.get(spanClass)![set]!;
        if (what === "push") {
          const i = idle.findIndex(({ spc }) => spc === spanClass);
          if (i < 0) continue;
          const { s } = idle.splice(i, 1)[0]!;
          sets.pushLocked(central, spanClass, set, s);
          list.push(s);
        } else if (what === "pop") {
          const s = sets.popLocked(central, set);
          expect(s).toBe(list.shift() ?? 0);
          if (s !== 0) idle.push({ spc: spanClass, s });
        } else if (list.length > 0) {
          const s = list.splice(which % list.length, 1)[0]!;
          expect(sets.setOfLocked(spanClass, s)).toBe(set);
          sets.removeLocked(central, set, s);
          idle.push({ spc: spanClass, s });
        }
        for (const { spc, s } of idle) expect(sets.setOfLocked(spc, s)).toBe(-1);
        for (const [spc, lists] of model) lists.forEach((expected, k) => expect(t.set(spc, k)).toEqual(expected));
      }
    }),
    { numRuns: 60 },
  );
});

test("a span on a set of another class is on none of this one", () => {
  const t = TestCentral.create(1 << 20);
  const s = t.grown(13, 1);
  t.central.sets.pushLocked(t.central.recordOf(13), 13, 2, s);
  expect([11, 12, 13, 14, 15].map((spc) => t.central.sets.setOfLocked(spc, s))).toEqual([-1, -1, 2, -1, -1]);
});
