/**
 * A mutex that is a field: one word of an object, for any threads.
 *
 *        FREE  0                 nobody holds it, as in zeroed memory
 *        HELD  owner             held, and nobody sleeps for it
 *   CONTENDED  owner | 1 << 30   held, and somebody may sleep for it: the unlock must wake one
 *
 * The word and its moves are those of the heap's own locks (sysmem/src/lock-word.ts; mutex.ts there says why nobody is left asleep); the rules
 * around it are a program's. There is no order in which mutexes are taken, and no time after which waiting is an error
 * unless one is given. As with Go's `sync.Mutex`, taking one twice would wait for oneself for ever, so it is an error here.
 *
 * The owner is the thread, not the turn or the async function: `lockAsync` gives the mutex to the thread, and whatever
 * runs in it meanwhile finds the mutex held by its own thread: `lock` is an error then, `lockAsync` waits.
 *
 * A thread that waits inside a turn sleeps in slices and polls between them, so that it does not hold up the collector.
 * After `await lockAsync(ref)` it is another turn: the object needs a root.
 *
 * What the mutex guards needs no Atomics: taking it pairs with the release by whoever held it last.
 */
import { LOCK_CONTENDED as CONTENDED, LOCK_FREE as FREE, LOCK_OWNER_MASK as OWNER_MASK, LOCK_SPINS as SPINS, spinForLock, takeOrMarkLock } from "@mallocgc/sysmem";
import { HeapError } from "../errors.ts";
import type { ObjectHeap } from "./object-heap.ts";
import { notifyWord, waitForWord, waitForWordAsync } from "./wait.ts";

export class MutexField {
  private readonly heap: ObjectHeap;
  private readonly mem: Int32Array;
  readonly offset: number;

  constructor(heap: ObjectHeap, offset: number) {
    this.heap = heap;
    this.mem = heap.region.i32;
    this.offset = offset;
  }

  /**
   * Takes the mutex, waiting while another thread holds it.
   *
   * @throws HeapError `ERR_MUTEX` when this thread holds it, when it did not come free in `timeoutMs`, or when this thread
   * may not sleep (then {@link lockAsync} waits).
   */
  lock(ref: number, timeoutMs: number = Infinity): void {
    const index = (ref + this.offset) >>> 2;
    // Acquire: pairs with the release in unlock of whoever held it last.
    if (Atomics.compareExchange(this.mem, index, FREE, this.heap.ownerId) !== FREE) this.lockSlow(index, timeoutMs);
  }

  /** Takes the mutex if nobody holds it; says whether it did. */
  tryLock(ref: number): boolean {
    // Acquire, as in lock.
    return Atomics.compareExchange(this.mem, (ref + this.offset) >>> 2, FREE, this.heap.ownerId) === FREE;
  }

  /**
   * Gives the mutex back, and wakes one thread that waits for it.
   *
   * @throws HeapError `ERR_MUTEX` when this thread does not hold it. Nothing is changed.
   */
  unlock(ref: number): void {
    const index = (ref + this.offset) >>> 2;
    const owner = this.heap.ownerId;
    // Release: pairs with the acquire in lock, tryLock and the slow ways.
    if (Atomics.compareExchange(this.mem, index, owner, FREE) !== owner) this.unlockSlow(index);
  }

  /** Runs `fn` with the mutex held, and gives it back whatever happens. `fn` is synchronous. */
  with<T>(ref: number, fn: () => T): T {
    this.lock(ref);
    try {
      return fn();
    } finally {
      this.unlock(ref);
    }
  }

  /**
   * Takes the mutex, waiting without blocking the thread, also while this thread itself holds it: another of its async
   * functions will unlock it. Afterwards it is another turn.
   *
   * @throws HeapError `ERR_MUTEX` when it did not come free in `timeoutMs`.
   */
  async lockAsync(ref: number, timeoutMs: number = Infinity): Promise<void> {
    const index = (ref + this.offset) >>> 2;
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const marked = takeOrMarkLock(this.mem, index, this.heap.ownerId);
      if (marked === FREE) return;
      const left = deadline - performance.now();
      if (left <= 0) this.failTimeout(index, timeoutMs);
      // Pairs with the notify in unlockSlow.
      await waitForWordAsync(this.heap, index, marked, left);
    }
  }

  /** The owner that holds it, 0 when it is free. Out of date as soon as it is read, unless it is this thread. */
  holder(ref: number): number {
    // Pairs with nothing: a look.
    return Atomics.load(this.mem, (ref + this.offset) >>> 2) & OWNER_MASK;
  }

  private lockSlow(index: number, timeoutMs: number): void {
    const mem = this.mem;
    const owner = this.heap.ownerId;
    if ((Atomics.load(mem, index) & OWNER_MASK) === owner) this.failReentry(index);
    if (spinForLock(mem, index, owner, SPINS)) return;
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const marked = takeOrMarkLock(this.mem, index, this.heap.ownerId);
      if (marked === FREE) return;
      const left = deadline - performance.now();
      if (left <= 0) this.failTimeout(index, timeoutMs);
      // Pairs with the notify in unlockSlow. Only another thread can wake this one: if it holds the mutex itself, lock has said so.
      waitForWord(this.heap, index, marked, left);
    }
  }

  private unlockSlow(index: number): void {
    const owner = this.heap.ownerId;
    // Pairs with nothing: the word is either ours and CONTENDED, and then stays so, or the caller is wrong.
    const seen = Atomics.load(this.mem, index);
    if (seen !== (owner | CONTENDED)) {
      const holder = seen & OWNER_MASK;
      throw new HeapError(
        "ERR_MUTEX",
        `the mutex at ${index * 4} is ${holder === 0 ? "free" : `held by thread ${holder}`}, not held by this thread (${owner}): only the thread that locked it unlocks it`,
      );
    }
    // Release: pairs with the acquire of whoever takes the mutex next.
    Atomics.store(this.mem, index, FREE);
    notifyWord(this.heap, index, 1);
  }

  private failReentry(index: number): never {
    throw new HeapError("ERR_MUTEX", `the mutex at ${index * 4} is held by this thread (${this.heap.ownerId}) already: it would wait for itself for ever`);
  }

  private failTimeout(index: number, afterMs: number): never {
    const holder = Atomics.load(this.mem, index) & OWNER_MASK;
    throw new HeapError("ERR_MUTEX", `the mutex at ${index * 4} did not come free in ${afterMs} ms; it is held by thread ${holder}`);
  }
}

/** Mutexes in a fixed array or in an array's elements. */
export class MutexItems {
  private readonly field: MutexField;
  private readonly stride: number;

  constructor(field: MutexField, stride: number) {
    this.field = field;
    this.stride = stride;
  }

  lock(ref: number, i: number, timeoutMs: number = Infinity): void {
    this.field.lock(ref + Math.imul(i, this.stride), timeoutMs);
  }

  tryLock(ref: number, i: number): boolean {
    return this.field.tryLock(ref + Math.imul(i, this.stride));
  }

  unlock(ref: number, i: number): void {
    this.field.unlock(ref + Math.imul(i, this.stride));
  }

  with<T>(ref: number, i: number, fn: () => T): T {
    return this.field.with(ref + Math.imul(i, this.stride), fn);
  }

  lockAsync(ref: number, i: number, timeoutMs: number = Infinity): Promise<void> {
    return this.field.lockAsync(ref + Math.imul(i, this.stride), timeoutMs);
  }

  holder(ref: number, i: number): number {
    return this.field.holder(ref + Math.imul(i, this.stride));
  }
}
