/** A program as a user would write it: two threads allocate from one heap and free each other's blocks. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { type HeapHandle, attachHeap, createHeap } from "@mallocgc/runtime";

const BLOCKS = 10_000;
const GREETING = 0x6d676300;

interface Job {
  readonly handle: HeapHandle;
  readonly greeting: number;
}

function sizeOf(block: number): number {
  return 1 + ((block * 37) % 3000);
}

async function main(): Promise<void> {
  const heap = createHeap({ gc: false, maxBytes: 64 << 20 });
  const before = heap.readMemStats();
  const greeting = heap.mallocgc(8);
  heap.view(greeting, Int32Array)[0] = GREETING;

  const job: Job = { handle: heap.handle, greeting };
  const worker = new Worker(new URL(import.meta.url), { workerData: job });
  const [blocks] = (await once(worker, "message")) as [number[]];
  await once(worker, "exit");

  assert.equal(blocks.length, BLOCKS);
  assert.equal(new Set(blocks).size, BLOCKS);
  blocks.forEach((block, i) => assert.equal(heap.u8[block], i & 0xff));
  assert.deepEqual(heap.verify().broken, []);

  for (const block of blocks) heap.free(block);
  assert.throws(() => heap.free(greeting), { code: "ERR_NOT_ALLOCATED" });

  heap.flush();
  const after = heap.readMemStats();
  assert.equal(after.Mallocs - before.Mallocs, BLOCKS + 1);
  assert.equal(after.HeapAlloc, before.HeapAlloc);
  assert.deepEqual(heap.verify().broken, []);
  heap.close();
}

function work({ handle, greeting }: Job): void {
  const heap = attachHeap(handle);
  assert.equal(heap.view(greeting, Int32Array)[0], GREETING);
  heap.free(greeting);
  const blocks = Array.from({ length: BLOCKS }, (_, i) => {
    const block = heap.mallocgc(sizeOf(i), { noscan: i % 2 === 0 });
    heap.u8[block] = i;
    return block;
  });
  heap.detach();
  parentPort?.postMessage(blocks);
}

if (isMainThread) await main();
else work(workerData as Job);
