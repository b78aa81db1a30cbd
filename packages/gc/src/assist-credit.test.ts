import fc from "fast-check";
import type { Ptr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { AssistCredit, bytesForWork, planAssist } from "./assist-credit.ts";

function credit(scanWork = 0): AssistCredit {
  const c = new AssistCredit(new Int32Array(new SharedArrayBuffer(64)), 2 as Ptr);
  c.add(scanWork);
  return c;
}

describe("the background's credit", () => {
  test("is handed out once, and no more than is asked for", () => {
    const c = credit(1600);
    expect([c.steal(800), c.available]).toEqual([800, 800]);
    expect([c.steal(5000), c.available]).toEqual([800, 0]);
    expect(c.steal(1)).toBe(0);
    c.add(24);
    c.reset();
    expect(c.steal(8)).toBe(0);
  });

  test("loses to rounding, and never gains", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(5000)), { maxLength: 50 }), (moves) => {
        const c = credit();
        let added = 0;
        let stolen = 0;
        for (const [add, work] of moves) {
          if (add) {
            c.add(work);
            added += work;
          } else {
            const got = c.steal(work);
            expect(got).toBeLessThanOrEqual(work);
            stolen += got;
          }
        }
        expect(stolen + c.available).toBeLessThanOrEqual(added);
        expect(stolen + c.available).toBeGreaterThanOrEqual(added - 7 * moves.length);
      }),
    );
  });

  test("below 0, after two have stolen the same, is given to nobody until it is made up for", () => {
    const mem = new Int32Array(new SharedArrayBuffer(64));
    const c = new AssistCredit(mem, 2 as Ptr);
    mem[2] = -10;
    expect(c.steal(100)).toBe(0);
    c.add(160);
    expect(c.available).toBe(80);
    expect(c.steal(100)).toBe(80);
  });

  test("holds the work of a region of 4 GiB", () => {
    const c = credit(2 ** 32 - 8);
    expect(c.available).toBe(2 ** 32 - 8);
  });
});

describe("an assist", () => {
  test("owes scan work for its debt, at least 64 KiB", () => {
    expect(planAssist(credit(), 100_000, 2, 0.5)).toEqual({ scanWork: 200_000, paidBytes: 0 });
    expect(planAssist(credit(), 32_769, 2, 0.5)).toEqual({ scanWork: 65_538, paidBytes: 0 });
    expect(planAssist(credit(), 32_767, 2, 0.5)).toEqual({ scanWork: 65_536, paidBytes: 0 });
    expect(planAssist(credit(), 1, 2, 0.5)).toEqual({ scanWork: 65_536, paidBytes: 0 });
  });

  test("uses the background's credit first", () => {
    const c = credit(80_000);
    expect(planAssist(c, 50_000, 2, 0.5), "part of it").toEqual({ scanWork: 20_000, paidBytes: 40_001 });
    expect(c.available).toBe(0);
  });

  test("that the credit covers has nothing to do, and pays the debt to the byte", () => {
    const c = credit(400_000);
    expect(planAssist(c, 100_001, 2, 0.5)).toEqual({ scanWork: 0, paidBytes: 100_001 });
    expect(c.available).toBe(400_000 - 200_008);
  });

  test("that is covered but small pays ahead", () => {
    expect(planAssist(credit(400_000), 10, 2, 0.5)).toEqual({ scanWork: 0, paidBytes: 32_768 });
  });

  test("pays its debt, whether by credit or by work, at any rate", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e7 }), fc.double({ min: 1e-4, max: 1e4, noNaN: true }), fc.nat(2 ** 30), (debt, workPerByte, scanned) => {
        const bytesPerWork = 1 / workPerByte;
        const { scanWork, paidBytes } = planAssist(credit(scanned), debt, workPerByte, bytesPerWork);
        const paid = paidBytes + (scanWork > 0 ? bytesForWork(scanWork, bytesPerWork) : 0);
        // What integers cut off: one unit of work is worth bytesPerWork.
        expect(paid).toBeGreaterThanOrEqual(debt - bytesPerWork - 1);
      }),
    );
  });

  test("that scanned anything is paid at least a byte", () => {
    expect(bytesForWork(1, 1e-9)).toBe(1);
    expect(bytesForWork(1000, 0.5)).toBe(501);
  });
});
