import type { Ptr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { fractionalWorkerDue, fractionalWorkerSpent, IdleMarkWorkers, markWorkersFor, maxIdleMarkWorkers } from "./mark-workers.ts";

describe("background markers", () => {
  test("are a quarter of the Ps, with a fraction where whole threads miss that by more than 30 %", () => {
    // Go's rule for 1 to 20 Ps.
    const dedicated = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5];
    const fractional = [0.25, 0.25, 0.25, 0, 0, 0.5 / 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    expect(Array.from({ length: 20 }, (_, i) => markWorkersFor(i + 1))).toEqual(dedicated.map((d, i) => ({ dedicated: d, fractional: fractional[i] })));
  });

  test("together take a quarter, or are off it by at most 30 %, for any number of Ps", () => {
    for (let procs = 1; procs <= 500; procs++) {
      const { dedicated, fractional } = markWorkersFor(procs);
      const share = dedicated / procs + fractional;
      expect(Number.isInteger(dedicated)).toBe(true);
      if (fractional > 0) expect(share).toBeCloseTo(0.25, 12);
      else expect(Math.abs(share / 0.25 - 1)).toBeLessThanOrEqual(0.3);
    }
  });

  test("for no P, or for a part of one, are an error", () => {
    for (const procs of [0, -1, 1.5, NaN]) expect(() => markWorkersFor(procs)).toThrow(expect.objectContaining({ code: "ERR_MARK_WORKERS" }) as Error);
  });

  test("with a fraction begin below their share and go on to 1.2 times it", () => {
    expect([0.24, 0.25, 0.26].map((share) => fractionalWorkerDue(0.25, share * 1e6, 1e6))).toEqual([true, true, false]);
    expect([0.26, 0.3, 0.31].map((share) => fractionalWorkerSpent(0.25, share * 1e6, 1e6))).toEqual([false, false, true]);
    expect(fractionalWorkerDue(0.25, 5, 0), "at the very beginning").toBe(true);
    expect(fractionalWorkerSpent(0.25, 0, 0)).toBe(true);
    expect(fractionalWorkerDue(0, 0, 1e6), "none are wanted").toBe(false);
  });
});

describe("idle markers", () => {
  function idle(): IdleMarkWorkers {
    return new IdleMarkWorkers(new Int32Array(new SharedArrayBuffer(64)), 3 as Ptr);
  }

  test("may take every P that is not dedicated; in a periodic cycle none, but one where nobody else is sure to come", () => {
    expect(maxIdleMarkWorkers(8, 2, false)).toBe(6);
    expect(maxIdleMarkWorkers(8, 2, true)).toBe(0);
    expect(maxIdleMarkWorkers(2, 0, true)).toBe(1);
  });

  test("take places while there are any, and each place once", () => {
    const w = idle();
    expect([w.needed, w.add()]).toEqual([false, false]);
    w.setMax(10);
    for (let i = 0; i < 10; i++) expect([w.needed, w.add()]).toEqual([true, true]);
    expect([w.needed, w.add(), w.count]).toEqual([false, false, 10]);
    for (let i = 0; i < 10; i++) {
      w.remove();
      expect(w.needed).toBe(true);
    }
    for (let i = 0; i < 9; i++) expect(w.add()).toBe(true);
    for (let i = 0; i < 10; i++) {
      expect([w.add(), w.add()]).toEqual([true, false]);
      w.remove();
    }
    expect(w.count).toBe(9);
  });

  test("are not sent away when there may be fewer; no new one begins until they have gone", () => {
    const w = idle();
    w.setMax(9);
    for (let i = 0; i < 9; i++) w.add();
    w.setMax(0);
    expect([w.count, w.needed, w.add()]).toEqual([9, false, false]);
    for (let i = 0; i < 9; i++) w.remove();
    expect([w.count, w.needed, w.add()]).toEqual([0, false, false]);
    w.setMax(1);
    expect([w.needed, w.add(), w.needed]).toEqual([true, true, false]);
    w.setMax(32767);
    expect([w.count, w.needed]).toEqual([1, true]);
  });

  test("that never began cannot end, and there cannot be a negative number or too many of them", () => {
    const w = idle();
    const refused = expect.objectContaining({ code: "ERR_MARK_WORKERS" }) as Error;
    expect(() => w.remove()).toThrow(refused);
    for (const max of [-1, 32768, 0.5, NaN]) expect(() => w.setMax(max)).toThrow(refused);
    expect(w.count).toBe(0);
  });
});
