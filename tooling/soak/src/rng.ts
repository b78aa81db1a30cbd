/**
 * Random numbers that can be had again.
 *
 * A thread draws anew for each step, from its seed and the step's number. So what a thread means to do at a step does not depend on how
 * its earlier steps raced with other threads, and a printed seed gives the same intentions again.
 */

/** The mulberry32 generator. */
export class Rng {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** Starts the draws of step `step` of the stream `seed`. */
  restart(seed: number, step: number): void {
    this.state = (seed ^ Math.imul(step, 0x9e3779b1)) | 0;
  }

  /** An integer from 0 to 2^32 - 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** An integer from 0 to `n` - 1. */
  below(n: number): number {
    return Math.floor((this.next() / 4294967296) * n);
  }
}

/** A seed of its own for part `part` of the work that `seed` stands for. */
export function seedOf(seed: number, part: number): number {
  return new Rng(seed ^ Math.imul(part + 1, 0x85ebca6b)).next();
}
