/**
 * The pace of background work: a hundredth of one CPU. Go's `scavengerState`.
 *
 *      batch   quanta of 64 KiB until a millisecond is worked, the goals are met, or nothing is left
 *      sleep   worked / sleepRatio           shorter batches count as a millisecond: so short a sleep could not be kept
 *      adjust  share = worked / ((slept + worked) * procs); the controller turns sleepRatio so that share becomes 1 %
 *
 * The share is of the CPU time that the program could use. When the controller fails, sleepRatio is a cautious 1:1000 for five seconds.
 * Where the clock is too coarse to see a quantum, 10 us per page of the operating system are taken for it.
 *
 * Go multiplies what was worked by a constant where using released memory costs extra calls (macOS). We release only where it costs none.
 *
 * Pure: what a quantum does, times and the number of threads are given. State is in the record; owner only.
 */
import { PiController, SCAVENGE_TUNING } from "./pi-controller.ts";
import { ScavengerRecord } from "./scavenger-record.ts";

/** Share of a CPU to take, in percent. */
export const SCAVENGE_PERCENT = 1;
/** Bytes to give back at a time. */
export const SCAVENGE_QUANTUM: number = 64 << 10;
/** What a batch works and counts for at least, in ns. */
export const MIN_SCAV_WORK_TIME = 1e6;
/** Time to work per time to sleep, at first and when the controller has failed. */
export const STARTING_SCAV_SLEEP_RATIO = 0.001;
/** How long the controller is left alone when it has failed, in ns. */
export const CONTROLLER_COOLDOWN = 5e9;
/** What a page of the operating system is taken to cost when the clock does not show it, in ns. */
export const APPROX_WORKED_NS_PER_PAGE = 10e3;

const R = ScavengerRecord.offset;
const SLEEP_RATIO = R.sleepRatio >>> 1;
const COOLDOWN = R.cooldown >>> 1;
const WORKED = R.worked >>> 1;
const CONTROLLER_RESET = R.controllerReset >>> 1;
const MIN_WORK = MIN_SCAV_WORK_TIME;
const QUANTUM = SCAVENGE_QUANTUM;

/** What a batch is made of. */
export interface Quanta {
  /** Gives back so many bytes if there are: how many; fewer when there is nothing left for now. */
  scavenge(nbytes: number): number;
  /** Whether nothing more is to be given back. */
  shouldStop(): boolean;
  /** The time in ns. */
  now(): number;
}

/** The pace of one region's background work, as the thread that does it sees it. */
export class Pacing {
  /** What the last batch took in all, in ns; less than it counts for when it was short. */
  worked: number;
  private readonly f64: Float64Array;
  private readonly base: number;
  private readonly controller: PiController;

  /** `base` is the index of the record in `f64`. */
  constructor(f64: Float64Array, base: number) {
    this.worked = 0;
    this.f64 = f64;
    this.base = base;
    const places = { errIntegral: base + (R.errIntegral >>> 1), errOverflow: base + (R.errOverflow >>> 1), inputOverflow: base + (R.inputOverflow >>> 1) };
    this.controller = new PiController(f64, places, SCAVENGE_TUNING);
  }

  /** Fills in the record of a new heap. */
  init(): void {
    this.f64[this.base + SLEEP_RATIO] = STARTING_SCAV_SLEEP_RATIO;
  }

  get sleepRatio(): number {
    return this.f64[this.base + SLEEP_RATIO]!;
  }

  /** ns for which the controller is left alone. */
  get cooldown(): number {
    return this.f64[this.base + COOLDOWN]!;
  }

  /** One batch: bytes given back. `worked` is set. */
  run(quanta: Quanta, osPageSize: number): number {
    let released = 0;
    let worked = 0;
    while (worked < MIN_WORK && !quanta.shouldStop()) {
      const start = quanta.now();
      const nbytes = quanta.scavenge(QUANTUM);
      const duration = quanta.now() - start;
      worked += duration > 0 ? duration : APPROX_WORKED_NS_PER_PAGE * Math.trunc(nbytes / osPageSize);
      released += nbytes;
      if (nbytes < QUANTUM) break;
    }
    this.worked = worked;
    return released;
  }

  /** How long to sleep after a batch, in ns. */
  sleepTime(worked: number): number {
    const counted = Math.max(worked, MIN_WORK);
    this.f64[this.base + WORKED] = counted;
    return Math.trunc(counted / this.f64[this.base + SLEEP_RATIO]!);
  }

  /** The sleep after the last batch is over, after `slept` ns; there are `procs` threads. */
  slept(slept: number, procs: number): void {
    const { f64, base } = this;
    const worked = f64[base + WORKED]!;
    if (f64[base + COOLDOWN]! > 0) {
      f64[base + COOLDOWN] = Math.max(0, f64[base + COOLDOWN]! - (slept + Math.trunc(worked)));
      return;
    }
    const share = worked / ((slept + worked) * procs);
    const ratio = this.controller.next(share, SCAVENGE_PERCENT / 100, slept + worked);
    if (this.controller.ok) {
      f64[base + SLEEP_RATIO] = ratio;
      return;
    }
    f64[base + SLEEP_RATIO] = STARTING_SCAV_SLEEP_RATIO;
    f64[base + COOLDOWN] = CONTROLLER_COOLDOWN;
    f64[base + CONTROLLER_RESET] = 1;
  }
}
