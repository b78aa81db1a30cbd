import { randomInt } from "node:crypto";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { Mutexes, RANK_HEAP, createRegion, type Ptr, type Region } from "./index.ts";
import type { MutexJob } from "./testing/mutex.worker.ts";

const GATE = 1;

async function start(region: Region, job: Omit<MutexJob, "memory" | "gate">): Promise<Worker> {
  const workerData: MutexJob = { ...job, memory: region.memory, gate: GATE };
  const worker = new Worker(new URL("./testing/mutex.worker.ts", import.meta.url), { workerData, execArgv: ["--conditions=dev"] });
  await once(worker, "message");
  return worker;
}

function open(region: Region): void {
  Atomics.store(region.i32, GATE, 1);
  Atomics.notify(region.i32, GATE);
}

describe("Mutexes between real threads", () => {
  for (const { threads, locks, guarded } of [
    { threads: 2, locks: [64], guarded: 1 },
    { threads: 4, locks: [64], guarded: 40 },
    { threads: 4, locks: [64, 128, 192], guarded: 8 },
  ]) {
    test(`${threads} threads, ${locks.length} lock(s): no addition to plain words under a lock is lost`, async () => {
      const seed = randomInt(1, 2 ** 31);
      console.log(`mutex threads=${threads} locks=${locks.length} seed=${seed}`);
      const rounds = 100_000;
      const region = createRegion(65536, true);
      const workers: Worker[] = [];
      for (let i = 0; i < threads; i++) {
        workers.push(await start(region, { owner: i + 1, seed: seed + i * 7919, rounds, kind: "add", timeoutMs: 30000, locks, guarded }));
      }
      const results = workers.map((worker) => once(worker, "message") as Promise<[number[]]>);
      open(region);
      const added = (await Promise.all(results)).map(([perLock]) => perLock);
      for (const [i, word] of locks.entries()) {
        const total = added.reduce((sum, perLock) => sum + perLock[i]!, 0);
        expect(Array.from(region.i32.subarray(word + 1, word + 1 + guarded)), `seed ${seed}`).toEqual(Array(guarded).fill(total));
        expect(region.i32[word], "the lock is free again").toBe(0);
      }
      // All but some tryLocks got in.
      expect(added.flat().reduce((sum, n) => sum + n, 0)).toBeGreaterThan(threads * rounds * 0.8);
    });
  }

  test("a thread that died holding a lock is named by whoever waits for it, and nobody hangs", async () => {
    const region = createRegion(65536, true);
    const job = { seed: 1, rounds: 0, timeoutMs: 300, locks: [64], guarded: 0 };
    const dead = await start(region, { ...job, owner: 41, kind: "die" });
    const exit = once(dead, "exit");
    open(region);
    await exit;
    const waiters = await Promise.all([1, 2].map((owner) => start(region, { ...job, owner, kind: "wait" })));
    const answers = await Promise.all(waiters.map(async (worker) => String(await once(worker, "message"))));
    for (const answer of answers) expect(answer).toMatch(/^ERR_LOCK_TIMEOUT: .*held by owner 41/);
    expect(new Mutexes(region, 9).holder(64 as Ptr)).toBe(41);
  });

  test("a sleeper whose wake-up died with another sleeper wakes by itself", async () => {
    const region = createRegion(65536, true);
    const holder = new Mutexes(region, 7);
    holder.lock(64 as Ptr, RANK_HEAP);
    const worker = await start(region, { owner: 1, seed: 1, rounds: 0, kind: "wait", timeoutMs: 20000, locks: [64], guarded: 0 });
    const answer = once(worker, "message");
    open(region);
    // Wait until it has marked the word and sleeps, then free the lock without a notify: what a lost wake-up looks like.
    while (Atomics.load(region.i32, 64) === 7) await sleep(5);
    await sleep(50);
    Atomics.store(region.i32, 64, 0);
    const freed = performance.now();
    expect(await answer).toEqual(["taken"]);
    expect(performance.now() - freed, "long before its time limit").toBeLessThan(10_000);
  });
});
