/**
 * The region as several threads see it, in one thread: every look at a word is a step at which others may come in between, and a plain read may be old.
 *
 *     view(actor)        an Int32Array for one actor: a Proxy over the real one that steps before each access
 *     install            replaces the Atomics functions and the clock, so that both follow the run and nothing else
 *     watch(word)        a word whose plain reads may return what it held before
 *
 * Why old values. An engine may keep a plain read in a register over a loop without Atomics, and a processor may satisfy it before an earlier store of its own
 * is seen by others. In one thread neither happens, so it is played: a plain read of a watched word returns either the newest value, or the one that was the
 * newest when this actor last did what orders reads:
 *
 *     Atomics.load                         nothing that follows is older than what it could have seen
 *     compareExchange, add, or, exchange   the same, counted from the moment before: its own store may be seen later than what follows is read
 *     Atomics.store                        orders nothing that is read after it
 *
 * and never anything older than this actor has seen or written in that word. This is what gives the phase ARM its meaning: between two polls a P may find the barrier
 * off although another P has long had it on.
 *
 * Kernels work on the real memory: a call is one step.
 */

/** What the memory asks before each access. */
export interface Steps {
  /** An access is about to be made: others may run now. */
  before(): void;
  /** A seeded choice: whether the read that is being made returns an old value. */
  old(): boolean;
  /** The run's time, in ms. */
  now(): number;
}

/** The values of a watched word, oldest first, and how far each actor has come. */
interface History {
  readonly values: number[];
  readonly times: number[];
  readonly seen: number[];
}

type Operation = "load" | "store" | "add" | "sub" | "or" | "and" | "xor" | "exchange" | "compareExchange" | "wait" | "notify";
const OPERATIONS: readonly Operation[] = ["load", "store", "add", "sub", "or", "and", "xor", "exchange", "compareExchange", "wait", "notify"];
const real = Object.fromEntries(OPERATIONS.map((name) => [name, Atomics[name]])) as Pick<typeof Atomics, Operation>;
const realPerformance = globalThis.performance;
const ZERO = 48;
const NINE = 57;

/** One region's words, as a number of actors see them. */
export class SteppingMemory {
  private readonly mem: Int32Array;
  private readonly steps: Steps;
  private readonly histories = new Map<number, History>();
  /** Counts the writes of watched words. */
  private time = 0;
  /** For each actor, the time that its plain reads are no older than. */
  private readonly floors: number[] = [];
  /** Who runs: an index of a view. */
  actor = 0;
  /** Whether accesses are steps; without it they are just made. */
  stepping = false;

  constructor(mem: Int32Array, steps: Steps) {
    this.mem = mem;
    this.steps = steps;
  }

  /** The words as the next actor sees them; actors are numbered from 0 on. */
  view(): Int32Array {
    this.floors.push(0);
    return new Proxy(this.mem, {
      get: (mem, key) => {
        if (typeof key === "string" && isIndex(key)) return this.read(Number(key));
        const value: unknown = Reflect.get(mem, key, mem);
        return typeof value === "function" ? (value as (...args: unknown[]) => unknown).bind(mem) : value;
      },
      set: (_, key, value) => {
        this.write(Number(key), value as number);
        return true;
      },
    });
  }

  /** From now on a plain read of that word may be old. */
  watch(word: number): void {
    this.histories.set(word, { values: [this.mem[word]!], times: [0], seen: [] });
  }

  /** Begins a run: the memory is as it is, and nobody has seen anything older. */
  begin(): void {
    this.time = 0;
    this.actor = 0;
    this.floors.fill(0);
    for (const word of this.histories.keys()) this.watch(word);
  }

  /** Until `uninstall`, every Atomics call of this thread on a view is a step, and `performance` tells the run's time. */
  install(): void {
    const words = (array: Int32Array): Int32Array => (ArrayBuffer.isView(array) ? array : this.mem);
    const modify = (name: "store" | "add" | "sub" | "or" | "and" | "xor" | "exchange") => (array: Int32Array, i: number, value: number): number => {
      if (name !== "store") this.order();
      this.step();
      const result = real[name](words(array), i, value);
      this.note(i);
      return result;
    };
    const replaced = {
      load: (array: Int32Array, i: number): number => {
        this.step();
        this.order();
        return real.load(words(array), i);
      },
      compareExchange: (array: Int32Array, i: number, expected: number, value: number): number => {
        this.order();
        this.step();
        const result = real.compareExchange(words(array), i, expected, value);
        this.note(i);
        return result;
      },
      wait: (): "timed-out" => {
        if (this.stepping) throw new Error("an operation went to sleep, and nobody would wake it: everybody else is suspended or done");
        return "timed-out";
      },
      notify: (): number => 0,
    };
    Object.assign(Atomics, replaced);
    for (const name of ["store", "add", "sub", "or", "and", "xor", "exchange"] as const) Object.assign(Atomics, { [name]: modify(name) });
    const clock = { now: () => this.steps.now(), timeOrigin: 0 };
    Object.defineProperty(globalThis, "performance", { value: clock, configurable: true, writable: true });
  }

  uninstall(): void {
    Object.assign(Atomics, real);
    Object.defineProperty(globalThis, "performance", { value: realPerformance, configurable: true, writable: true });
  }

  /** A step that is no access to a word: a kernel is called. */
  step(): void {
    if (this.stepping) this.steps.before();
  }

  /** What this actor reads from here on is no older than now. */
  order(): void {
    this.floors[this.actor] = this.time;
  }

  private read(word: number): number {
    this.step();
    const history = this.histories.get(word);
    return history === undefined || !this.stepping ? this.mem[word]! : this.readWatched(history);
  }

  private readWatched({ values, times, seen }: History): number {
    const newest = values.length - 1;
    const floor = this.floors[this.actor]!;
    let oldest = seen[this.actor] ?? 0;
    while (oldest < newest && times[oldest + 1]! <= floor) oldest++;
    const chosen = oldest < newest && this.steps.old() ? oldest : newest;
    seen[this.actor] = chosen;
    return values[chosen]!;
  }

  private write(word: number, value: number): void {
    this.step();
    this.mem[word] = value;
    this.note(word);
  }

  /** A word may have been written. */
  private note(word: number): void {
    const history = this.histories.get(word);
    if (history === undefined) return;
    const { values, times, seen } = history;
    if (values[values.length - 1] !== this.mem[word]) {
      values.push(this.mem[word]!);
      times.push(++this.time);
    }
    seen[this.actor] = values.length - 1;
  }
}

function isIndex(key: string): boolean {
  const c = key.charCodeAt(0);
  return c >= ZERO && c <= NINE;
}
