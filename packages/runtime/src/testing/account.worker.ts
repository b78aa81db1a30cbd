/** A thread that moves money between accounts, each with a mutex, in a heap that another thread made. */
import { parentPort, workerData } from "node:worker_threads";
import type { RegionMemory } from "@mallocgc/sysmem";
import { i32, mutex, struct } from "../types/declare.ts";
import { TypeTable } from "../types/type-table.ts";
import { BumpObjectHeap } from "./bump-object-heap.ts";

export interface AccountJob {
  readonly memory: RegionMemory;
  readonly ownerId: number;
  readonly at: number;
  readonly rounds: number;
}

const { memory, ownerId, at, rounds } = workerData as AccountJob;
const Account = new TypeTable(BumpObjectHeap.open(memory, ownerId)).bind(struct("Account", { lock: mutex, cents: i32, visits: i32 }));

// All threads begin at once, so that they do meet.
Account.visits.add(at, 1);
Account.visits.notify(at);
for (let n = Account.visits.load(at); n < 3; n = Account.visits.load(at)) Account.visits.wait(at, n);

for (let i = 0; i < rounds; i++) {
  if (i % 100 === 0) await Account.lock.lockAsync(at);
  else Account.lock.lock(at);
  // A plain read and a plain write: only the mutex makes them one.
  Account.cents.set(at, Account.cents.get(at) + 1);
  Account.lock.unlock(at);
}
parentPort!.postMessage("done");
