/**
 * Two threads in one, switched at every place where it matters: what a race can do, without waiting for one.
 *
 * Threads see each other's steps at atomic operations. So an operation is run once for each atomic operation it makes, and just before that one the other
 * thread does all of its work. Where the first holds a lock the other could only wait: such places are passed over. This finds whatever
 * goes wrong with one switch, at each place in turn.
 */
import type { TestHeap } from "./test-heap.ts";

/** One thread's operation, another's, and what must hold after both. */
export interface Race {
  /** Any heap object of the region: its locks say where a switch is possible. */
  readonly heap: TestHeap;
  readonly run: () => void;
  readonly meanwhile: () => void;
  readonly check: () => void;
}

const NAMES = ["load", "store", "add", "sub", "exchange", "compareExchange"] as const;

/** Runs a race, freshly made each time, with the switch at each possible place. Returns how many places there were. */
export function preempt(make: () => Race): number {
  let places = 0;
  for (let at = 0; ; at++) {
    const race = make();
    const switched = runSwitchedAt(race, at);
    if (switched === "end") return places;
    if (switched === "switched") {
      places++;
      race.check();
    }
  }
}

function runSwitchedAt(race: Race, at: number): "switched" | "locked" | "end" {
  const originals = NAMES.map((name) => [name, Atomics[name] as (...args: unknown[]) => unknown] as const);
  let count = 0;
  let switched: "switched" | "locked" | "end" = "end";
  const restore = (): void => {
    for (const [name, original] of originals) Object.assign(Atomics, { [name]: original });
  };
  const patch = (): void => {
    for (const [name, original] of originals) {
      Object.assign(Atomics, {
        [name]: (...args: unknown[]) => {
          if (count++ === at) {
            restore();
            switched = race.heap.isLocked ? "locked" : "switched";
            if (switched === "switched") race.meanwhile();
          }
          return original(...args);
        },
      });
    }
  };
  patch();
  try {
    race.run();
  } finally {
    restore();
  }
  return switched;
}
