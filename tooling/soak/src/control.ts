/**
 * What the threads of a soak share beside the heap under test: flags, a barrier, counters, and an exchange of blocks.
 *
 * It lies in a SharedArrayBuffer of its own, so that a broken heap cannot break what judges it.
 */

const FAILED = 0;
const STOP = 1;
const DECISION = 2;
const VOTES = 3;
const ARRIVED = 16;
const GENERATION = 32;
const COUNTERS = 48;
const COUNTER_STRIDE = 16;
const EXCHANGE_SLOTS = 256;
const SLOT_WORDS = 4;
const POLL_MS = 100;

const EMPTY = 0;
const BUSY = 1;
const FULL = 2;

/** What each thread counts: the first four in both modes, then those of blocks managed by hand, then those of collected objects. */
export const COUNTER_NAMES = ["steps", "allocations", "handedOver", "exhausted", "frees", "refused", "forced", "callbacks", "checked", "weakDied"] as const;
export type CounterName = (typeof COUNTER_NAMES)[number];
export type Counts = Record<CounterName, number>;

/** A block on its way from one thread to another. */
export interface Parcel {
  readonly addr: number;
  readonly usable: number;
  readonly stamp: number;
}

/** Thrown out of the barrier when another thread has failed: there is nothing left to wait for. */
export class Abandoned extends Error {
  override readonly name = "Abandoned";
}

/** One thread's view of the shared words. */
export class Control {
  readonly buffer: SharedArrayBuffer;
  private readonly words: Int32Array;
  private readonly threads: number;
  private readonly exchange: number;

  constructor(threads: number, buffer?: SharedArrayBuffer) {
    this.exchange = COUNTERS + threads * COUNTER_STRIDE;
    this.buffer = buffer ?? new SharedArrayBuffer(4 * (this.exchange + EXCHANGE_SLOTS * SLOT_WORDS));
    this.words = new Int32Array(this.buffer);
    this.threads = threads;
  }

  /** A thread has failed; the others leave at the next barrier. */
  fail(): void {
    Atomics.store(this.words, FAILED, 1);
  }
  get failed(): boolean {
    return Atomics.load(this.words, FAILED) !== 0;
  }

  /** Asks the threads to end after the phase they are in. */
  stop(): void {
    Atomics.store(this.words, STOP, 1);
  }
  get stopping(): boolean {
    return Atomics.load(this.words, STOP) !== 0;
  }

  /** What the leader of a phase decided, for all to read after the next barrier. */
  decide(goOn: boolean): void {
    Atomics.store(this.words, DECISION, goOn ? 1 : 0);
  }
  get decision(): boolean {
    return Atomics.load(this.words, DECISION) !== 0;
  }

  /** Adds to what the leader will read with `takeVotes`. */
  vote(n: number): void {
    Atomics.add(this.words, VOTES, n);
  }
  /** The sum of all votes since it was last taken. */
  takeVotes(): number {
    return Atomics.exchange(this.words, VOTES, 0);
  }

  /**
   * Waits until every thread has come here.
   *
   * @throws Abandoned when a thread failed.
   */
  barrier(): void {
    const words = this.words;
    const generation = Atomics.load(words, GENERATION);
    if (Atomics.add(words, ARRIVED, 1) === this.threads - 1) {
      Atomics.store(words, ARRIVED, 0);
      Atomics.add(words, GENERATION, 1);
      Atomics.notify(words, GENERATION);
      return;
    }
    while (Atomics.load(words, GENERATION) === generation) {
      if (this.failed) throw new Abandoned();
      Atomics.wait(words, GENERATION, generation, POLL_MS);
    }
  }

  /** Adds to a counter of one thread; only that thread calls it. */
  count(thread: number, name: CounterName, n: number): void {
    Atomics.add(this.words, COUNTERS + thread * COUNTER_STRIDE + COUNTER_NAMES.indexOf(name), n);
  }

  /** The sums over all threads. */
  totals(): Counts {
    const sums = Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0])) as Counts;
    for (let thread = 0; thread < this.threads; thread++) {
      for (const [i, name] of COUNTER_NAMES.entries()) {
        sums[name] += Atomics.load(this.words, COUNTERS + thread * COUNTER_STRIDE + i) >>> 0;
      }
    }
    return sums;
  }

  /** Leaves a block in the slot for another thread; false when the slot is taken. */
  give(slot: number, parcel: Parcel): boolean {
    const words = this.words;
    const at = this.slotAt(slot);
    if (Atomics.compareExchange(words, at, EMPTY, BUSY) !== EMPTY) return false;
    words[at + 1] = parcel.addr;
    words[at + 2] = parcel.usable;
    words[at + 3] = parcel.stamp;
    // Pairs with the compare-and-swap in take: who takes the parcel sees what it holds, and the block's contents.
    Atomics.store(words, at, FULL);
    return true;
  }

  /** Takes the block that lies in the slot, if there is one. */
  take(slot: number): Parcel | undefined {
    const words = this.words;
    const at = this.slotAt(slot);
    if (Atomics.compareExchange(words, at, FULL, BUSY) !== FULL) return undefined;
    const parcel = { addr: words[at + 1]! >>> 0, usable: words[at + 2]! >>> 0, stamp: words[at + 3]! };
    Atomics.store(words, at, EMPTY);
    return parcel;
  }

  private slotAt(slot: number): number {
    return this.exchange + (slot % EXCHANGE_SLOTS) * SLOT_WORDS;
  }
}

/** How many parcels can be on their way. */
export const EXCHANGE_SIZE: number = EXCHANGE_SLOTS;
