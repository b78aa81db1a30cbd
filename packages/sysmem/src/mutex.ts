/**
 * Mutexes whose whole state is one word of the region, so that any thread can take any lock, and see who holds it.
 *
 *        FREE  0                 nobody holds it
 *        HELD  owner             held, and nobody sleeps for it
 *   CONTENDED  owner | 1 << 30   held, and somebody may sleep for it: the unlock must wake one
 *
 * `owner` is a thread's P id + 1: never 0, at most 2^29. The moves, each one Atomics call:
 *
 *     FREE ──► HELD        lock, or a spinner: compareExchange
 *     FREE ──► CONTENDED   one that has slept or is about to: compareExchange. It cannot know whether others sleep, so it
 *                          says that they may; its unlock then passes the wake-up on.
 *     HELD ──► CONTENDED   one that is about to sleep: compareExchange, then wait while the word stays so
 *     HELD ──► FREE        unlock: compareExchange, which also proves that this thread is the holder
 *     CONTENDED ──► FREE   unlock: store, then notify one
 *
 * Why a plain store is enough in the last move: nobody but the holder changes a CONTENDED word. Why nobody is left asleep:
 * a sleeper is woken only by the unlock of a CONTENDED word, and whoever is woken either takes the lock as CONTENDED or
 * marks it CONTENDED again before it sleeps; so as long as somebody sleeps, the word says so or somebody awake is about
 * to. `tooling/models/mutex.pml` is this protocol for the model checker spin: mutual exclusion and no lost wake-up, and
 * each of four planted faults is found.
 *
 * A thread can die at any instruction. If it dies holding a lock, a waiter gets `ERR_LOCK_TIMEOUT`, which names the
 * holder: nothing hangs, and whoever knows that the holder is dead can repair. If it dies after it was woken, the wake-up
 * dies with it: that is why sleep comes in slices, after each of which the word is looked at again.
 *
 * Where a thread may not sleep (a browser's main thread) it spins to the same deadline and `Atomics.wait` is never
 * called. In an unshared region there is one thread, so a lock found taken can never come free: the error is immediate.
 *
 * What a lock guards needs no Atomics of its own: taking it (compareExchange) pairs with the last holder's release
 * (compareExchange or store), and Atomics on one word are totally ordered.
 */
import type { Ptr } from "./addr.ts";
import { SysmemError } from "./errors.ts";
import { lockName, type LockRank } from "./lock-order.ts";
import { CONTENDED, FREE, OWNER_MASK, SPINS, spinForLock, takeOrMarkLock } from "./lock-word.ts";
import type { Region } from "./region.ts";

/** The largest owner that fits a lock word. */
export const MAX_LOCK_OWNER = 536870912;

/** How a thread waits for locks. */
export interface MutexOptions {
  /** How long to wait for a lock before `ERR_LOCK_TIMEOUT`, in milliseconds; 30 000 unless said. */
  readonly timeoutMs?: number;
}

/** Looks between two glances at the clock, where a thread must spin to the deadline. */
const SPINS_PER_CLOCK = 1000;
/** The longest single sleep. After it the word is read again, in case the wake-up went to a thread that died. */
const SLICE_MS = 100;
const DEFAULT_TIMEOUT_MS = 30000;

/** One thread's way to take the locks of one region. Holds no state that another thread would need. */
export class Mutexes {
  /** Who this thread is in every lock word it holds. */
  readonly owner: number;
  private readonly mem: Int32Array;
  private readonly shared: boolean;
  /** Whether this thread may sleep: not a browser's main thread, nor in a region of one thread. */
  readonly mayBlock: boolean;
  private readonly timeoutMs: number;
  /** Bit `r` is set while a lock of rank `r` is held. */
  private held = 0;

  /**
   * @throws SysmemError `ERR_LOCK_OPTIONS` when `owner` is not an integer from 1 to 2^29 or `timeoutMs` is not a positive number.
   */
  constructor(region: Region, owner: number, options: MutexOptions = {}) {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    if (!Number.isInteger(owner) || owner < 1 || owner > MAX_LOCK_OWNER) {
      throw new SysmemError("ERR_LOCK_OPTIONS", `a lock's owner is an integer from 1 to ${MAX_LOCK_OWNER} (a P's id + 1), not ${String(owner)}`);
    }
    if (typeof timeoutMs !== "number" || !(timeoutMs > 0)) {
      throw new SysmemError("ERR_LOCK_OPTIONS", `timeoutMs is a positive number of milliseconds, not ${String(timeoutMs)}`);
    }
    this.owner = owner;
    this.mem = region.i32;
    this.shared = region.shared;
    this.mayBlock = region.shared && canBlock(region.i32);
    this.timeoutMs = timeoutMs;
  }

  /**
   * Takes a lock, waiting while another thread holds it.
   *
   * @throws SysmemError `ERR_LOCK_ORDER` when this thread holds a lock of the same or a higher rank; `ERR_LOCK_TIMEOUT`
   * when the lock did not come free in time. Neither changes anything.
   */
  lock(word: Ptr, rank: LockRank): void {
    if (this.held >> rank !== 0) this.failOrder(word, rank);
    // Acquire: pairs with the release in unlock / unlockSlow of whoever held the lock last.
    if (Atomics.compareExchange(this.mem, word, FREE, this.owner) !== FREE) this.lockSlow(word, rank);
    this.held |= 1 << rank;
  }

  /** Takes a lock if it is free; says whether it did. Obeys the same order as {@link lock}. */
  tryLock(word: Ptr, rank: LockRank): boolean {
    if (this.held >> rank !== 0) this.failOrder(word, rank);
    // Acquire, as in lock.
    if (Atomics.compareExchange(this.mem, word, FREE, this.owner) !== FREE) return false;
    this.held |= 1 << rank;
    return true;
  }

  /**
   * Gives a lock back, and wakes one sleeper if there may be any.
   *
   * @throws SysmemError `ERR_LOCK_NOT_HELD` when this thread does not hold it, under this rank. Nothing is changed.
   */
  unlock(word: Ptr, rank: LockRank): void {
    const bit = 1 << rank;
    if ((this.held & bit) === 0) this.failNotHeld(word);
    const owner = this.owner;
    // Release: pairs with the acquire in lock / lockSlow of whoever takes the lock next.
    if (Atomics.compareExchange(this.mem, word, owner, FREE) !== owner) this.unlockSlow(word);
    this.held &= ~bit;
  }

  /** The owner that holds a lock, 0 when it is free. Out of date as soon as it is read, unless it is this thread. */
  holder(word: Ptr): number {
    // Pairs with nothing: a look, for messages and for repair.
    return Atomics.load(this.mem, word) & OWNER_MASK;
  }

  /** @throws SysmemError `ERR_LOCK_NOT_HELD` unless this thread holds the lock. A plain read: cheap enough to be always on. */
  assertHeld(word: Ptr): void {
    // Plain: if this thread is the holder, it wrote the owner bits itself and nobody else changes them.
    if ((this.mem[word]! & OWNER_MASK) !== this.owner) this.failNotHeld(word);
  }

  private lockSlow(word: Ptr, rank: LockRank): void {
    if (!this.shared) this.failTimeout(word, rank, 0);
    if (spinForLock(this.mem, word, this.owner, SPINS)) return;
    const deadline = performance.now() + this.timeoutMs;
    if (this.mayBlock) this.sleepUntilTaken(word, rank, deadline);
    else this.spinUntilTaken(word, rank, deadline);
  }

  private sleepUntilTaken(word: Ptr, rank: LockRank, deadline: number): void {
    const mem = this.mem;
    for (;;) {
      const marked = takeOrMarkLock(mem, word, this.owner);
      if (marked === FREE) return;
      const left = deadline - performance.now();
      if (left <= 0) this.failTimeout(word, rank, this.timeoutMs);
      // Pairs with the notify in unlockSlow. Returns at once when the word is no longer as marked.
      Atomics.wait(mem, word, marked, left < SLICE_MS ? left : SLICE_MS);
    }
  }

  private spinUntilTaken(word: Ptr, rank: LockRank, deadline: number): void {
    while (!spinForLock(this.mem, word, this.owner, SPINS_PER_CLOCK)) {
      if (performance.now() >= deadline) this.failTimeout(word, rank, this.timeoutMs);
    }
  }

  private unlockSlow(word: Ptr): void {
    const mem = this.mem;
    // Pairs with nothing: the word is either ours and CONTENDED, and then stays so, or the caller is wrong.
    if (Atomics.load(mem, word) !== (this.owner | CONTENDED)) this.failNotHeld(word);
    // Release: pairs with the acquire of whoever takes the lock next.
    Atomics.store(mem, word, FREE);
    // Pairs with the wait in sleepUntilTaken.
    Atomics.notify(mem, word, 1);
  }

  private failOrder(word: Ptr, rank: LockRank): never {
    const ranks: string[] = [];
    for (let r = 1; r < 31; r++) if ((this.held >> r) & 1) ranks.push(lockName(r));
    throw new SysmemError(
      "ERR_LOCK_ORDER",
      `lock ${lockName(rank)} (word ${word}) taken by owner ${this.owner} while it holds ${ranks.join(", ")}: ` +
        "take locks in the order of LOCK_ORDER, one of each rank",
    );
  }

  private failNotHeld(word: Ptr): never {
    const holder = this.holder(word);
    throw new SysmemError(
      "ERR_LOCK_NOT_HELD",
      `the lock at word ${word} is ${holder === 0 ? "free" : `held by owner ${holder}`}, not held by owner ${this.owner} under this rank: ` +
        "only the thread that took a lock may use what it guards or give it back",
    );
  }

  private failTimeout(word: Ptr, rank: LockRank, afterMs: number): never {
    throw new SysmemError(
      "ERR_LOCK_TIMEOUT",
      `lock ${lockName(rank)} (word ${word}) is held by owner ${this.holder(word)}; owner ${this.owner} waited ${afterMs} ms: ` +
        (this.shared ? "that thread is stuck or dead, or timeoutMs is too short" : "there is one thread here, so nobody can give it back"),
    );
  }
}

/** Whether this thread may sleep in `Atomics.wait`: a browser's main thread may not, and is told so by a TypeError. */
function canBlock(mem: Int32Array): boolean {
  try {
    Atomics.wait(mem, 0, 0, 0);
    return true;
  } catch {
    return false;
  }
}
