/**
 * A deterministic scheduler: one thread that plays several, so that a seed names an interleaving of the real code and replays it.
 *
 * An actor is what would be a thread. Its `step` runs one operation of the real code. Before each access to the region (stepping-memory.ts) the scheduler may
 * suspend the operation, let other actors run some of theirs, and go on with it: preemption as a stack.
 *
 *     a  ──store──┐                                       ┌── the store goes on ──►
 *     b           └──poll, load, ..., leave──┐        ┌──►
 *     c                                      └─sweep──┘         depth at most 3
 *
 * What a stack cannot do is to let a go on in the middle of b's operation. It shows every order in which any number of whole operations fall into any one
 * moment of another, and that in each other, three deep; old reads (stepping-memory.ts) make up for much of the rest: a store that is decided on what the phase was, and
 * made now, is a store that was suspended between the two.
 *
 * A suspended actor cannot poll, so what others wait for from it is missing, as in reality. Two things are not done, for nobody could end them: an actor that holds a lock is
 * not suspended; and an operation that waits, by looking again and again, for a suspended actor is given up (`Blocked`): only those may that can be
 * repeated from the start.
 */

import type { Profile } from "./scheduler-profiles.ts";

/** What would be a thread. */
export interface Actor {
  readonly name: string;
  /** Through which view of the memory it looks. */
  readonly view: number;
  /** Runs one operation of the real code. */
  step(random: Random): void;
  /** Whether it may be suspended now: it holds no lock. */
  readonly mayBeSuspended: boolean;
  /** Whether it can begin an operation now. */
  readonly canRun: boolean;
}

/** Thrown out of an operation that waits for an actor that is suspended. */
class Blocked extends Error {}

/** Something that must never be was found. */
export class Fault extends Error {}

/** Numbers from a seed: mulberry32. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** An integer from 0 to `n` - 1. */
  below(n: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n);
  }

  /** True in one of `n` cases. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  /** One of a list. */
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** About `mean`, seldom far more: from 1 on. */
  around(mean: number): number {
    let n = 1;
    while (!this.oneIn(mean) && n < 20 * mean) n++;
    return n;
  }
}

/** Operations suspended at one time, the running one not counted. */
const MAX_DEPTH = 3;
/** Accesses after which an operation is taken to go round in circles. */
const MAX_ACCESSES = 60_000;
const SHORT_BURST = 2;
const MS_PER_ACCESS = 0.0005;

/** Plays actors against each other. */
export class Scheduler {
  random: Random = new Random(0);
  /** What was run, with one indent for each suspended operation; kept only if `tracing`. */
  readonly trace: string[] = [];
  tracing = false;
  private actors: readonly Actor[] = [];
  private readonly stack: number[] = [];
  private readonly onSwitch: (view: number) => void;
  private countdown = 0;
  /** Operations that may still begin in this run. */
  private left = 0;
  private accesses = 0;
  /** Accesses of the running operation alone, without those of whoever came in between; and how many it may make before it is given up. */
  private own = 0;
  private patience = Infinity;
  private period = 0;
  private burst = 0;
  private oldReads = 0;
  private weights: number[] = [];
  /** Picks for which the weights last; and how long they do on average. */
  private mood = 0;
  private meanMood = 1;
  private pace: readonly number[] = [];
  /** The next burst, if it was ordered; else 0. */
  private nextBurst = 0;

  /** `onSwitch` is told through which view the actor looks that runs from now on. */
  constructor(onSwitch: (view: number) => void) {
    this.onSwitch = onSwitch;
  }

  /** Begins a run; what comes of it is up to the seed. */
  begin(seed: number): Random {
    this.random = new Random(seed);
    this.stack.length = 0;
    this.trace.length = 0;
    this.accesses = 0;
    return this.random;
  }

  /** Who takes part in the run that has begun, and how often they come between each other. */
  arrange(actors: readonly Actor[], { operations, bursts, periods, oldReads, weights, mood }: Profile): void {
    const { random } = this;
    this.actors = actors;
    this.left = operations[0] + random.below(operations[1] - operations[0] + 1);
    this.burst = random.of(bursts);
    this.period = this.burst * random.of(periods);
    this.oldReads = random.of(oldReads);
    this.countdown = random.around(this.period);
    this.meanMood = mood;
    this.pace = weights;
    this.mood = 0;
    this.nextBurst = 0;
  }

  /** Runs operations, and whatever comes in between, until the run's number of them is reached. */
  play(): void {
    while (this.left > 0) {
      const next = this.pick();
      if (next < 0) return;
      this.run(next);
    }
  }

  /** Runs one operation of that actor. */
  run(actor: number): void {
    const { stack } = this;
    const { own, patience } = this;
    this.own = 0;
    this.patience = Infinity;
    this.left--;
    stack.push(actor);
    this.onSwitch(this.actors[actor]!.view);
    try {
      this.actors[actor]!.step(this.random);
    } catch (error) {
      if (!(error instanceof Blocked)) throw error;
    } finally {
      stack.pop();
      this.own = own;
      this.patience = patience;
      if (stack.length > 0) this.onSwitch(this.running.view);
    }
  }

  /** From now on others do most. */
  stir(): void {
    this.mood = 0;
  }

  /** Others come in between within so many accesses, with about so many operations. */
  soon(accesses: number, burst: number = SHORT_BURST): void {
    this.nextBurst = burst;
    this.countdown = Math.min(this.countdown, 1 + this.random.below(accesses));
  }

  /** From here on the running operation may wait for others. If it still does after so many accesses, and others are suspended, it is given up. */
  mayWait(accesses: number): void {
    this.patience = this.stack.length > 1 ? this.own + accesses : Infinity;
  }

  /** An access is about to be made. */
  before(): void {
    this.accesses++;
    this.own++;
    const due = --this.countdown <= 0;
    if (!due && this.own <= this.patience) return;
    if (this.own > MAX_ACCESSES) throw new Fault("an operation goes round in circles");
    if (!this.running.mayBeSuspended) return;
    if (this.own > this.patience) throw new Blocked();
    this.preempt();
  }

  /** Whether a read that may be old is. */
  old(): boolean {
    return this.random.oneIn(this.oldReads);
  }

  /** The run's time in ms. */
  now(): number {
    return 1000 + this.accesses * MS_PER_ACCESS;
  }

  /** Notes what the running actor does. */
  note(text: () => string): void {
    const { stack, trace } = this;
    if (this.tracing) trace.push(stack.length === 0 ? `at the end: ${text()}` : `${"    ".repeat(stack.length - 1)}${this.running.name}: ${text()}`);
  }

  private get running(): Actor {
    return this.actors[this.stack[this.stack.length - 1]!]!;
  }

  private preempt(): void {
    const { random, stack } = this;
    // Those that come in between are themselves disturbed less often.
    this.countdown = random.around(this.period * stack.length);
    if (stack.length > MAX_DEPTH) return;
    const burst = this.nextBurst === 0 ? this.burst : this.nextBurst;
    this.nextBurst = 0;
    for (let n = random.around(burst); n > 0 && this.left > 0; n--) {
      const next = this.pick();
      if (next < 0) break;
      this.run(next);
    }
  }

  /** An actor that is not suspended and can run; -1 when there is none. */
  private pick(): number {
    const { actors, random } = this;
    if (--this.mood < 0) {
      this.mood = random.around(this.meanMood);
      this.weights = actors.map(() => random.of(this.pace));
    }
    const { weights } = this;
    let sum = 0;
    for (let i = 0; i < actors.length; i++) if (this.isFree(i)) sum += weights[i]!;
    if (sum > 0) {
      let at = random.below(sum);
      for (let i = 0; i < actors.length; i++) if (this.isFree(i) && (at -= weights[i]!) < 0) return i;
    }
    // None of those that have any weight: the first that can.
    for (let i = 0; i < actors.length; i++) if (this.isFree(i)) return i;
    return -1;
  }

  private isFree(actor: number): boolean {
    return !this.stack.includes(actor) && this.actors[actor]!.canRun;
  }
}
