/**
 * Turns of one thread: the time in which it may hold raw addresses in JavaScript variables.
 *
 *     implicit     begins at the first operation that hands out an address, ends at the end of the synchronous job (a microtask ends it)
 *     explicit     turn(fn): from the call of fn to its return; nested ones are one
 *     safepoint    ends a turn and begins the next on the spot: for loops that never return to the event loop
 *
 * An address from a turn that is over is void unless something keeps its object: a root, a handle, another object. In a by-hand heap nothing
 * is collected, so there is nothing to end; there, no `Turns` exists.
 *
 * Between turns, and never inside an operation, the thread does what it owes: functions that are due are called (in a turn of their own), and
 * where no background thread drives the collector a piece of the cycle is done.
 */
import type { Mutator } from "@mallocgc/gc";
import { HeapError, describeValue, detached } from "./errors.ts";

/** What a thread does between turns. */
export interface BetweenTurns {
  /** Whether functions are due, or roots were dropped. A few plain reads. */
  readonly due: boolean;
  /** Calls them; in a turn. */
  run(): void;
  /** Advances the cycle if nobody else does; not in a turn. */
  step(): void;
}

/** The turns of one thread. */
export class Turns {
  /** Whether this thread is in a turn. */
  open = false;
  private depth = 0;
  private count = 0;
  private running = false;
  /** The thread has left the heap: there is no turn any more. */
  private left = false;
  private readonly mutator: Mutator;
  private readonly between: BetweenTurns;
  private readonly endImplicit: () => void;

  constructor(mutator: Mutator, between: BetweenTurns) {
    this.mutator = mutator;
    this.between = between;
    this.endImplicit = (): void => {
      if (this.open && this.depth === 0) this.end();
    };
  }

  /** A number that is another in each turn, and between turns. */
  get stamp(): number {
    return this.count;
  }

  /** Enters an implicit turn unless in one: its end is queued. @throws HeapError `ERR_HEAP_DETACHED`. */
  enter(): void {
    if (this.open) return;
    this.begin();
    queueMicrotask(this.endImplicit);
  }

  /**
   * Runs `fn` in a turn that ends with it.
   *
   * @throws HeapError `ERR_TURN` when `fn` is no function, or asynchronous; what `fn` throws.
   */
  turn<T>(fn: () => T): T {
    if (typeof fn !== "function") throw new HeapError("ERR_TURN", `a turn takes a function, not ${describeValue(fn)}`);
    if (this.depth === 0) {
      if (this.open) this.end();
      this.begin();
    }
    this.depth++;
    try {
      if (this.depth === 1) this.runDue();
      const result = fn();
      if (isThenable(result)) {
        throw new HeapError("ERR_TURN", "a turn ends when its function returns, so that must not be asynchronous: hold what has to last longer in a handle, and take several turns");
      }
      return result;
    } finally {
      this.depth--;
      if (this.depth === 0) this.end();
    }
  }

  /** Ends the turn and begins the next. Addresses held in variables are void from here on. Outside a turn, nothing to end. */
  safepoint(): void {
    if (!this.open) {
      this.rest();
      return;
    }
    this.count++;
    this.mutator.safepoint();
    this.runDue();
    if (!this.left) this.between.step();
  }

  /** Runs `fn`, which may block, outside of any turn. */
  blocking<T>(fn: () => T): T {
    const wasOpen = this.open;
    if (wasOpen) this.mutator.leave();
    this.open = false;
    try {
      return fn();
    } finally {
      if (wasOpen) this.begin();
    }
  }

  /** Ends an implicit turn at once. @throws HeapError `ERR_TURN` inside an explicit one: `what` is only possible outside. */
  endNow(what: string): void {
    if (this.depth > 0) throw new HeapError("ERR_TURN", `${what} waits for a cycle, which waits for this turn's end: call it outside of heap.turn(fn)`);
    if (this.open) this.end();
  }

  /** The thread leaves the heap: whatever turn it is in is over, and functions that are due are not called. */
  close(): void {
    this.depth = 0;
    this.left = true;
    if (!this.open) return;
    this.open = false;
    this.mutator.leave();
  }

  private begin(): void {
    // The P may be another thread's by now.
    if (this.left) throw detached();
    this.count++;
    this.mutator.enter();
    this.open = true;
  }

  private end(): void {
    this.count++;
    this.open = false;
    this.mutator.leave();
    this.rest();
  }

  private rest(): void {
    this.between.step();
    if (this.between.due && !this.running) {
      this.begin();
      try {
        this.runDue();
      } finally {
        // Unless a function has made this thread leave the heap.
        if (this.open) {
          this.open = false;
          this.mutator.leave();
        }
      }
    }
  }

  /** In a turn: calls what is due. A function that is called may take turns of its own; what becomes due then waits. Throws what the program's `onError` throws. */
  private runDue(): void {
    if (this.running || !this.between.due) return;
    this.running = true;
    this.depth++;
    try {
      this.between.run();
    } finally {
      this.depth--;
      this.running = false;
    }
  }
}

function isThenable(value: unknown): boolean {
  return (typeof value === "object" || typeof value === "function") && value !== null && typeof (value as { then?: unknown }).then === "function";
}
