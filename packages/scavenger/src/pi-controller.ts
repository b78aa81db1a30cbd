/**
 * A proportional-integral controller: brings an input to its setpoint by turning one knob. Go's `piController`; the scavenger's turns how
 * long it sleeps so that it takes a hundredth of a CPU.
 *
 *      error     = setpoint - input
 *      raw       = kp * error + integral                    output = raw, clamped to min..max
 *      integral += kp * period / ti * error                 what lasting error asks for
 *                + period / tt * (output - raw)             unwinds what the clamp held back
 *
 * When a step overflows, what the controller assumes of the world does not hold: it forgets its integral, says so, and gives the smallest
 * output. Its owner should leave it alone for a while.
 *
 * The integral is the only state; it is in a record of the region, and so are the two flags that say what has ever overflowed. Owner only.
 */

/** What a controller is tuned to. `ti` or `tt` 0: there is no integral. */
export interface PiTuning {
  readonly kp: number;
  /** Integral time. */
  readonly ti: number;
  /** Reset time. */
  readonly tt: number;
  readonly min: number;
  readonly max: number;
}

/** The scavenger's, in ns. Go: "tuned loosely via Ziegler-Nichols". */
export const SCAVENGE_TUNING: PiTuning = { kp: 0.3375, ti: 3.2e6, tt: 1e9, min: 0.001, max: 1000 };

/** Where a controller's float64 fields lie in a Float64Array. */
export interface PiPlaces {
  readonly errIntegral: number;
  /** 1 once the integral has overflowed. */
  readonly errOverflow: number;
  /** 1 once a step with the input has. */
  readonly inputOverflow: number;
}

/** One controller. */
export class PiController {
  /** Whether the last step succeeded. */
  ok: boolean;
  private readonly f64: Float64Array;
  private readonly places: PiPlaces;
  private readonly tuning: PiTuning;

  constructor(f64: Float64Array, places: PiPlaces, tuning: PiTuning) {
    this.ok = true;
    this.f64 = f64;
    this.places = places;
    this.tuning = tuning;
  }

  /** One step, `period` after the last: the new output. When the step failed, `ok` is false and the output the smallest. */
  next(input: number, setpoint: number, period: number): number {
    const { kp, ti, tt, min, max } = this.tuning;
    const { f64, places } = this;
    const integral = f64[places.errIntegral]!;
    const raw = kp * (setpoint - input) + integral;
    if (!Number.isFinite(raw)) return this.fail(places.inputOverflow);
    const output = Math.min(Math.max(raw, min), max);
    if (ti !== 0 && tt !== 0) {
      const sum = integral + (((kp * period) / ti) * (setpoint - input) + (period / tt) * (output - raw));
      if (!Number.isFinite(sum)) return this.fail(places.errOverflow);
      f64[places.errIntegral] = sum;
    }
    this.ok = true;
    return output;
  }

  private fail(flag: number): number {
    this.f64[this.places.errIntegral] = 0;
    this.f64[flag] = 1;
    this.ok = false;
    return this.tuning.min;
  }
}
