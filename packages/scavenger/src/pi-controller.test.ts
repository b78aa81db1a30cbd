import { loadScavenger } from "@mallocgc/go-oracle";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PiController, SCAVENGE_TUNING } from "./pi-controller.ts";

const PLACES = { errIntegral: 0, errOverflow: 1, inputOverflow: 2 };

describe("the controller", () => {
  for (const [i, { name, tune, steps }] of loadScavenger().parts.controllers.entries()) {
    test(`answers what Go's does, to the last bit: ${name} (${i})`, () => {
      const [kp, ti, tt, min, max] = tune;
      const c = new PiController(new Float64Array(3), PLACES, { kp, ti, tt, min, max });
      expect(steps.length).toBeGreaterThan(3);
      for (const [at, [input, setpoint, period, output, ok]] of steps.entries()) {
        expect([c.next(input, setpoint, period), c.ok ? 1 : 0], `step ${at}`).toEqual([output, ok]);
      }
    });
  }

  test("says which of its two sums has overflowed, forgets its integral, and goes on", () => {
    const f64 = new Float64Array(3);
    const c = new PiController(f64, PLACES, SCAVENGE_TUNING);
    c.next(0.005, 0.01, 1e8);
    expect(f64[0]).toBeGreaterThan(0);
    expect(c.next(Infinity, 0.01, 1e6)).toBe(0.001);
    expect([c.ok, ...f64]).toEqual([false, 0, 0, 1]);
    expect(c.next(0, 1e300, 1e20)).toBe(0.001);
    expect([c.ok, ...f64]).toEqual([false, 0, 1, 1]);
    expect(c.next(NaN, 0.01, 1e6)).toBe(0.001);
    c.next(0.005, 0.01, 1e6);
    expect(c.ok).toBe(true);
  });

  test("stays within its bounds whatever it is given (Go's FuzzPIController)", () => {
    const any = fc.double();
    fc.assert(
      fc.property(any, any, any, fc.array(fc.tuple(any, any, any), { minLength: 1, maxLength: 20 }), (kp, ti, tt, steps) => {
        const c = new PiController(new Float64Array(3), PLACES, { kp, ti, tt, min: 0.001, max: 1000 });
        for (const [input, setpoint, period] of steps) {
          const output = c.next(input, setpoint, period);
          expect(output).toBeGreaterThanOrEqual(0.001);
          expect(output).toBeLessThanOrEqual(1000);
          if (!c.ok) expect(output).toBe(0.001);
        }
      }),
    );
  });
});
