/** The recorder's generator (`prng.go`), replayed bit for bit: mulberry32, 32-bit integer arithmetic throughout. */
export class Mulberry32 {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** The next value, an unsigned 32-bit integer. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    const a = this.#state;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** The next value modulo `n`. */
  below(n: number): number {
    return this.next() % n;
  }
}
