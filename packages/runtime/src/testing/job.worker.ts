/** A thread that attaches to a heap, does one job and detaches. It answers with a message and may be told to stop through `stop[0]`. */
import { parentPort, workerData } from "node:worker_threads";
import { attachHeap, type Heap, type HeapError, type HeapHandle } from "../index.ts";

export interface Job {
  readonly handle: HeapHandle;
  readonly stop: Int32Array;
  readonly work: Work;
}

export type Work =
  /** Allocates `count` blocks of `size` bytes, each with its number in its first byte, and leaves them. */
  | { readonly kind: "allocate"; readonly size: number; readonly count: number }
  /** Frees blocks that another thread allocated. */
  | { readonly kind: "free"; readonly addrs: readonly number[] }
  /** Allocates and frees blocks of all sizes until told to stop; checks that no other thread writes into them. */
  | { readonly kind: "churn"; readonly seed: number; readonly live: number; readonly maxSize: number }
  /** Allocates `size` until the heap is exhausted, waits for a message, looks whether all is intact, frees everything, waits again. */
  | { readonly kind: "fill"; readonly size: number; readonly tag: number };

export interface Answer {
  readonly addrs: readonly number[];
  /** Operations done; blocks allocated. */
  readonly count: number;
  readonly problems: readonly string[];
}

const { handle, stop, work } = workerData as Job;
const heap = attachHeap(handle);
const problems: string[] = [];

if (work.kind === "allocate") finish(allocate(heap, work.size, work.count));
else if (work.kind === "free") finish(free(heap, work.addrs));
else if (work.kind === "churn") finish(churn(heap, work.seed, work.live, work.maxSize));
else fillInSteps(heap, work.size, work.tag);

function finish(answer: Answer): void {
  heap.detach();
  parentPort!.postMessage(answer);
}

function allocate(heap: Heap, size: number, count: number): Answer {
  const addrs = Array.from({ length: count }, () => heap.mallocgc(size));
  addrs.forEach((addr, i) => (heap.u8[addr] = i));
  return { addrs, count, problems };
}

function free(heap: Heap, addrs: readonly number[]): Answer {
  for (const addr of addrs) heap.free(addr);
  return { addrs, count: addrs.length, problems };
}

function churn(heap: Heap, seed: number, live: number, maxSize: number): Answer {
  const addrs: number[] = new Array<number>(live).fill(0);
  const sizes = new Int32Array(live);
  let x = seed | 1;
  let count = 0;
  parentPort!.postMessage("begun");
  while (Atomics.load(stop, 0) === 0) {
    for (let n = 0; n < 200; n++, count++) {
      x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + 1;
      const i = (x >>> 8) % live;
      const addr = addrs[i]!;
      if (addr === 0) {
        // Small sizes far more often than large ones.
        const size = 1 + ((x >>> 1) % (x & 7 ? 200 : maxSize));
        const block = heap.mallocgc(size, { noscan: (x & 16) !== 0 });
        sizes[i] = size;
        heap.u8[block] = seed;
        heap.u8[block + size - 1] = seed;
        addrs[i] = block;
      } else {
        if (heap.u8[addr] !== (seed & 0xff) || heap.u8[addr + sizes[i]! - 1] !== (seed & 0xff)) problems.push(`the ${sizes[i]!} bytes at ${addr} were written by another thread`);
        heap.free(addr);
        addrs[i] = 0;
      }
    }
  }
  for (const addr of addrs) if (addr !== 0) heap.free(addr);
  return { addrs: [], count, problems };
}

function fillInSteps(heap: Heap, size: number, tag: number): void {
  let addrs = fill(heap, size, tag);
  let step = 0;
  parentPort!.on("message", () => {
    step++;
    if (step === 1) {
      const lost = addrs.findIndex((addr) => heap.u8[addr] !== tag || heap.u8[addr + size - 1] !== tag);
      if (lost >= 0) problems.push(`block ${lost} at ${addrs[lost]!} was written by another thread`);
      for (const addr of addrs) heap.free(addr);
      heap.flush();
      parentPort!.postMessage({ addrs: [], count: addrs.length, problems } satisfies Answer);
    } else if (step === 2) {
      addrs = fill(heap, size, tag);
      parentPort!.postMessage({ addrs: [], count: addrs.length, problems } satisfies Answer);
    } else {
      for (const addr of addrs) heap.free(addr);
      finish({ addrs: [], count: addrs.length, problems });
      parentPort!.close();
    }
  });
  parentPort!.postMessage({ addrs: [], count: addrs.length, problems } satisfies Answer);
}

function fill(heap: Heap, size: number, tag: number): number[] {
  const addrs: number[] = [];
  try {
    for (;;) {
      const addr = heap.mallocgc(size);
      heap.u8[addr] = tag;
      heap.u8[addr + size - 1] = tag;
      addrs.push(addr);
    }
  } catch (error) {
    if ((error as HeapError).code !== "ERR_HEAP_EXHAUSTED") problems.push(String(error));
  }
  return addrs;
}
