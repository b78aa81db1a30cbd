import { afterEach, describe, expect, test, vi } from "vitest";
import {
  LOCK_ORDER,
  MAX_LOCK_OWNER,
  Mutexes,
  RANK_CENTRAL,
  RANK_HEAP,
  createRegion,
  lockName,
  type Ptr,
} from "./index.ts";

const WORD = 16 as Ptr;
const OTHER = 17 as Ptr;
const CONTENDED = 1 << 30;

afterEach(() => {
  vi.restoreAllMocks();
});

const code = (of: string): unknown => expect.objectContaining({ name: "SysmemError", code: of });

describe("LOCK_ORDER", () => {
  test("ranks are 1, 2, 3 ... in the order of the list, names are unique", () => {
    expect(LOCK_ORDER.map((lock) => lock.rank)).toEqual(LOCK_ORDER.map((_, i) => i + 1));
    expect(new Set(LOCK_ORDER.map((lock) => lock.name)).size).toBe(LOCK_ORDER.length);
    expect(LOCK_ORDER.length).toBeLessThanOrEqual(30);
    expect([RANK_CENTRAL, RANK_HEAP].map(lockName)).toEqual(["central", "heap"]);
  });
});

for (const shared of [true, false]) {
  describe(`Mutexes in ${shared ? "shared" : "unshared"} memory`, () => {
    test("the word is the owner while the lock is held, and 0 otherwise", () => {
      const region = createRegion(65536, shared);
      const mutexes = new Mutexes(region, MAX_LOCK_OWNER);
      expect(mutexes.holder(WORD)).toBe(0);
      mutexes.lock(WORD, RANK_HEAP);
      expect(region.i32[WORD]).toBe(MAX_LOCK_OWNER);
      expect(mutexes.holder(WORD)).toBe(MAX_LOCK_OWNER);
      mutexes.assertHeld(WORD);
      mutexes.unlock(WORD, RANK_HEAP);
      expect(region.i32[WORD]).toBe(0);
    });

    test("tryLock takes a free lock and leaves a taken one alone", () => {
      const region = createRegion(65536, shared);
      const a = new Mutexes(region, 1);
      const b = new Mutexes(region, 2);
      expect(a.tryLock(WORD, RANK_CENTRAL)).toBe(true);
      expect(b.tryLock(WORD, RANK_CENTRAL)).toBe(false);
      expect(region.i32[WORD]).toBe(1);
      a.unlock(WORD, RANK_CENTRAL);
      expect(b.tryLock(WORD, RANK_CENTRAL)).toBe(true);
    });

    test("locks are taken in ascending rank; the same rank twice, or a lower one, is refused and changes nothing", () => {
      const region = createRegion(65536, shared);
      const mutexes = new Mutexes(region, 3);
      mutexes.lock(WORD, RANK_HEAP);
      for (const rank of [RANK_CENTRAL, RANK_HEAP]) {
        expect(() => mutexes.lock(OTHER, rank)).toThrow(code("ERR_LOCK_ORDER"));
        expect(() => mutexes.tryLock(OTHER, rank)).toThrow(/while it holds heap/);
      }
      expect(region.i32[OTHER]).toBe(0);
      mutexes.unlock(WORD, RANK_HEAP);
      mutexes.lock(WORD, RANK_CENTRAL);
      mutexes.lock(OTHER, RANK_HEAP);
      // Given back in any order.
      mutexes.unlock(WORD, RANK_CENTRAL);
      expect(() => mutexes.lock(WORD, RANK_CENTRAL)).toThrow(/while it holds heap/);
      mutexes.unlock(OTHER, RANK_HEAP);
      mutexes.lock(WORD, RANK_CENTRAL);
    });

    test("only the holder gives a lock back, once, and under the rank it was taken with", () => {
      const region = createRegion(65536, shared);
      const a = new Mutexes(region, 1);
      const b = new Mutexes(region, 2);
      expect(() => a.unlock(WORD, RANK_HEAP)).toThrow(code("ERR_LOCK_NOT_HELD"));
      a.lock(WORD, RANK_HEAP);
      b.lock(OTHER, RANK_HEAP);
      expect(() => b.unlock(WORD, RANK_HEAP)).toThrow(/held by owner 1, not held by owner 2/);
      expect(() => a.unlock(WORD, RANK_CENTRAL)).toThrow(code("ERR_LOCK_NOT_HELD"));
      expect(region.i32[WORD]).toBe(1);
      expect(() => b.assertHeld(WORD)).toThrow(code("ERR_LOCK_NOT_HELD"));
      a.unlock(WORD, RANK_HEAP);
      expect(() => a.unlock(WORD, RANK_HEAP)).toThrow(code("ERR_LOCK_NOT_HELD"));
      expect(() => a.assertHeld(WORD)).toThrow(/is free/);
    });

    test("a word that was overwritten while the lock was held is noticed by the unlock", () => {
      const region = createRegion(65536, shared);
      const mutexes = new Mutexes(region, 5);
      for (const garbage of [0, 6, -1, CONTENDED, CONTENDED | 6]) {
        mutexes.lock(WORD, RANK_HEAP);
        region.i32[WORD] = garbage;
        expect(() => mutexes.unlock(WORD, RANK_HEAP), `word ${garbage}`).toThrow(code("ERR_LOCK_NOT_HELD"));
        region.i32[WORD] = 5;
        mutexes.unlock(WORD, RANK_HEAP);
      }
    });

    test("owners and timeouts that are no such thing are refused", () => {
      const region = createRegion(65536, shared);
      for (const owner of [0, -1, 1.5, NaN, Infinity, MAX_LOCK_OWNER + 1, "1", undefined]) {
        expect(() => new Mutexes(region, owner as number), String(owner)).toThrow(code("ERR_LOCK_OPTIONS"));
      }
      for (const timeoutMs of [0, -1, NaN, "1"]) {
        expect(() => new Mutexes(region, 1, { timeoutMs: timeoutMs as number }), String(timeoutMs)).toThrow(code("ERR_LOCK_OPTIONS"));
      }
    });
  });
}

describe("waiting", () => {
  test("in shared memory a lock that does not come free is an error that names the holder, after timeoutMs", () => {
    const region = createRegion(65536, true);
    new Mutexes(region, 1).lock(WORD, RANK_HEAP);
    const waiter = new Mutexes(region, 2, { timeoutMs: 150 });
    const before = performance.now();
    expect(() => waiter.lock(WORD, RANK_HEAP)).toThrow(/lock heap \(word 16\) is held by owner 1; owner 2 waited 150 ms/);
    expect(performance.now() - before).toBeGreaterThanOrEqual(150);
    expect(region.i32[WORD], "still the holder's, and marked for its unlock to notify").toBe(1 | CONTENDED);
    expect(waiter.holder(WORD)).toBe(1);
  });

  test("a failed wait leaves the waiter with no lock held", () => {
    const region = createRegion(65536, true);
    const holder = new Mutexes(region, 1);
    holder.lock(WORD, RANK_HEAP);
    const waiter = new Mutexes(region, 2, { timeoutMs: 5 });
    expect(() => waiter.lock(WORD, RANK_HEAP)).toThrow(code("ERR_LOCK_TIMEOUT"));
    holder.unlock(WORD, RANK_HEAP);
    waiter.lock(OTHER, RANK_CENTRAL);
    waiter.lock(WORD, RANK_HEAP);
    expect(region.i32[WORD]).toBe(2);
  });

  test("a contended unlock frees the lock and notifies one", () => {
    const region = createRegion(65536, true);
    const mutexes = new Mutexes(region, 1);
    const notify = vi.spyOn(Atomics, "notify");
    mutexes.lock(WORD, RANK_HEAP);
    region.i32[WORD] = 1 | CONTENDED;
    mutexes.assertHeld(WORD);
    mutexes.unlock(WORD, RANK_HEAP);
    expect(region.i32[WORD]).toBe(0);
    expect(notify.mock.calls).toEqual([[region.i32, WORD, 1]]);
  });

  test("in unshared memory nobody can give a taken lock back, so the error comes at once", () => {
    const region = createRegion(65536, false);
    new Mutexes(region, 1).lock(WORD, RANK_HEAP);
    const before = performance.now();
    expect(() => new Mutexes(region, 2).lock(WORD, RANK_HEAP)).toThrow(code("ERR_LOCK_TIMEOUT"));
    expect(performance.now() - before).toBeLessThan(1000);
  });

  test("where the thread may not sleep it spins to the deadline and never waits", () => {
    const region = createRegion(65536, true);
    const wait = vi.spyOn(Atomics, "wait").mockImplementation(() => {
      throw new TypeError("Atomics.wait cannot be called in this context");
    });
    new Mutexes(region, 1).lock(WORD, RANK_HEAP);
    const page = new Mutexes(region, 2, { timeoutMs: 30 });
    wait.mockClear();
    const before = performance.now();
    expect(() => page.lock(WORD, RANK_HEAP)).toThrow(/held by owner 1; owner 2 waited 30 ms/);
    expect(performance.now() - before).toBeGreaterThanOrEqual(30);
    expect(wait).not.toHaveBeenCalled();
    expect(region.i32[WORD], "it never sleeps, so it marks nothing").toBe(1);
  });

  test("a lock seen free while spinning is taken", () => {
    const region = createRegion(65536, true);
    region.i32[WORD] = 9;
    const load = vi.spyOn(Atomics, "load").mockImplementationOnce((() => {
      load.mockRestore();
      region.i32[WORD] = 0; // The holder gives it back between the first try and the first look.
      return 0;
    }) as unknown as typeof Atomics.load);
    const mutexes = new Mutexes(region, 2);
    mutexes.lock(WORD, RANK_HEAP);
    expect(region.i32[WORD]).toBe(2);
  });
});
