import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import type { AccountJob } from "../testing/account.worker.ts";
import { BumpObjectHeap } from "../testing/bump-object-heap.ts";
import { i32, mutex, struct } from "./declare.ts";
import { TypeTable } from "./type-table.ts";

test("three threads that add to a plain field under its mutex lose nothing, blocking and not", async () => {
  const heap = BumpObjectHeap.create();
  const Account = new TypeTable(heap).bind(struct("Account", { lock: mutex, cents: i32, visits: i32 }));
  const at = Account.$type.alloc();
  const rounds = 20_000;
  const workers = [2, 3, 4].map((ownerId) => {
    const workerData: AccountJob = { memory: heap.region.memory, ownerId, at, rounds };
    return new Worker(new URL("../testing/account.worker.ts", import.meta.url), { workerData });
  });
  await Promise.all(workers.map((worker) => once(worker, "message")));
  await Promise.all(workers.map((worker) => worker.terminate()));
  expect([Account.cents.get(at), Account.lock.holder(at), Account.visits.load(at)]).toEqual([3 * rounds, 0, 3]);
});
