import { describe, expect, test } from "vitest";
import { BumpObjectHeap } from "../testing/bump-object-heap.ts";
import { array, i32, mutex, struct } from "./declare.ts";
import { TypeTable } from "./type-table.ts";

const AccountType = struct("Account", { lock: mutex, cents: i32 });

/** One object, seen by two threads (as far as a mutex can tell). */
function twoThreads(shared = true): { a: ReturnType<typeof bindIn>; b: ReturnType<typeof bindIn>; at: number; heap: BumpObjectHeap } {
  const heap = BumpObjectHeap.create({ shared });
  const a = bindIn(heap);
  const b = shared ? bindIn(BumpObjectHeap.open(heap.region.memory, 2)) : a;
  return { a, b, at: a.Account.$type.alloc(), heap };
}

function bindIn(heap: BumpObjectHeap) {
  const types = new TypeTable(heap);
  return { types, Account: types.bind(AccountType), Locks: types.bind(array(mutex)) };
}

const refusal = { code: "ERR_MUTEX" };

describe("a mutex as a field", () => {
  test("one thread holds it at a time", () => {
    const { a: { Account: A }, b: { Account: B }, at } = twoThreads();
    A.lock.lock(at);
    expect([A.lock.holder(at), B.lock.tryLock(at), A.lock.tryLock(at)]).toEqual([1, false, false]);
    A.lock.unlock(at);
    expect([B.lock.tryLock(at), A.lock.tryLock(at), A.lock.holder(at)]).toEqual([true, false, 2]);
  });

  test("unlocking what this thread does not hold is an error that names the holder, and changes nothing", () => {
    const { a: { Account: A }, b: { Account: B }, at } = twoThreads();
    expect(() => A.lock.unlock(at)).toThrow(expect.objectContaining({ ...refusal, message: expect.stringContaining("is free") }));
    B.lock.lock(at);
    expect(() => A.lock.unlock(at)).toThrow(expect.objectContaining({ ...refusal, message: expect.stringContaining("held by thread 2") }));
    expect(A.lock.holder(at)).toBe(2);
    B.lock.unlock(at);
  });

  test("taking it twice in one thread is an error instead of a wait for ever", () => {
    const { a: { Account: A }, at } = twoThreads();
    A.lock.lock(at);
    expect(() => A.lock.lock(at)).toThrow(expect.objectContaining(refusal));
    A.lock.unlock(at);
    expect(A.lock.holder(at)).toBe(0);
  });

  test("a wait with a limit ends in an error that names the holder; the thread polls meanwhile", () => {
    const { a: { Account: A }, b: { Account: B }, at, heap } = twoThreads();
    B.lock.lock(at);
    expect(() => A.lock.lock(at, 50)).toThrow(expect.objectContaining({ ...refusal, message: expect.stringMatching(/50 ms.*thread 2/) }));
    expect(heap.polls).toBeGreaterThan(0);
    // The mark that somebody may sleep does no harm.
    B.lock.unlock(at);
    expect(A.lock.tryLock(at)).toBe(true);
  });

  test("with gives it back whatever happens", () => {
    const { a: { Account: A }, at } = twoThreads();
    expect(A.lock.with(at, () => A.lock.holder(at))).toBe(1);
    expect(() => A.lock.with(at, () => { throw new Error("mine"); })).toThrow("mine");
    expect(A.lock.holder(at)).toBe(0);
  });

  test("lockAsync waits until another async function of the same thread unlocks", async () => {
    const { a: { types }, at } = twoThreads();
    const account = types.viewOf(AccountType, at);
    const order: string[] = [];
    await account.lock.lockAsync();
    const second = account.lock.lockAsync().then(() => order.push("second"));
    await Promise.resolve();
    order.push("first");
    account.lock.unlock();
    await second;
    expect(order).toEqual(["first", "second"]);
    await expect(account.lock.lockAsync(20)).rejects.toThrow(expect.objectContaining(refusal));
  });

  test("elements of an array are mutexes apart", () => {
    const { a: { Locks } } = twoThreads();
    const list = Locks.$type.allocArray(3);
    Locks.at.lock(list, 1);
    expect([0, 1, 2].map((i) => Locks.at.tryLock(list, i))).toEqual([true, false, true]);
    Locks.at.unlock(list, 1);
    expect(Locks.at.with(list, 1, () => Locks.at.holder(list, 1))).toBe(1);
  });

  test("where there is one thread, nobody can be waited for: an error at once", async () => {
    const { a: { Account: A }, at, heap } = twoThreads(false);
    heap.region.i32[(at + A.lock.offset) >>> 2] = 2;
    expect(() => A.lock.lock(at)).toThrow(expect.objectContaining(refusal));
    await expect(A.lock.lockAsync(at)).rejects.toThrow(expect.objectContaining(refusal));
    expect(() => A.cents.wait(at, 0)).toThrow(expect.objectContaining(refusal));
  });

  test("wait ends at once when the field is not as expected, and after its time", async () => {
    const { a: { Account: A }, at } = twoThreads();
    A.cents.set(at, 5);
    expect([A.cents.wait(at, 4), A.cents.wait(at, 5, 30), A.cents.notify(at)]).toEqual(["not-equal", "timed-out", 0]);
    const waiting = A.cents.waitAsync(at, 5);
    A.cents.store(at, 6);
    expect([A.cents.notify(at), await waiting]).toEqual([1, "ok"]);
  });
});
