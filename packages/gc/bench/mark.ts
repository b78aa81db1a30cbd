/**
 * What marking and sweeping cost, in ns per object (docs/decisions/0009-marking.md, 0010-sweep.md):
 *
 *     node --conditions=dev packages/gc/bench/mark.ts [NAME ...]
 *
 * 4 M objects of 32 bytes with two pointers each. `tree`: balanced, allocated in preorder (node, left half, right half), as a recursive program
 * does. `random`: the first pointer is the next on one random cycle through all, the second uniformly random. One root. Each case builds its heap
 * and collects it several times; the time is from the root to the empty list. With 2 markers, one is a worker.
 */
import { once } from "node:events";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { sweepKernel, type Marker } from "@mallocgc/gc";
import { makeSpanClass, sizeToClass } from "@mallocgc/sizeclass";
import { createRegion, openRegion, type RegionMemory } from "@mallocgc/sysmem";
import { randomFrom, run, type Figures } from "@mallocgc/testing";
// eslint-disable-next-line no-restricted-imports -- the test heap of this very package
import { MarkerHeap } from "../src/testing/marker-heap.ts";

const OBJECTS = 1 << 22;
const BYTES = 512 << 20;
const NODE = makeSpanClass(sizeToClass(32), false);
/** Heap bits of four objects whose first two words are pointers. */
const TWO_POINTERS = 0x03030303;
const ROUNDS = 7;
const BUDGET = 1 << 20;
/** Words before the first table: a number that opens each round, and markers at work. */
const GATE = 0;
const AT_WORK = 1;
const STOP = -1;

type Shape = "tree" | "random";

/** Addresses of new objects, in the order in which a program gets them. */
function allocate(heap: MarkerHeap, n: number): Uint32Array {
  const { spans } = heap;
  const mem = heap.region.i32;
  const addrs = new Uint32Array(n);
  let s = 0 as ReturnType<MarkerHeap["span"]>;
  for (let i = 0; i < n; i++) {
    let addr = s === 0 ? 0 : spans.nextFree(s);
    if (addr === 0) {
      s = heap.span(NODE);
      const bits = spans.heapBits(s);
      mem.fill(TWO_POINTERS, bits, bits + 64);
      addr = spans.nextFree(s);
    }
    addrs[i] = addr;
  }
  return addrs;
}

function buildTree(mem: Int32Array, addrs: Uint32Array): void {
  let next = 0;
  const build = (depth: number): number => {
    const addr = addrs[next++]!;
    if (depth > 0) {
      mem[addr >>> 2] = build(depth - 1);
      mem[(addr >>> 2) + 1] = build(depth - 1);
    }
    return addr;
  };
  build(Math.log2(addrs.length) - 1);
}

/** Sattolo's shuffle gives one cycle through all. */
function buildRandom(mem: Int32Array, addrs: Uint32Array): void {
  const random = randomFrom(12345);
  const next = addrs.slice();
  for (let i = next.length - 1; i > 0; i--) {
    const j = random(i);
    const addr = next[i]!;
    next[i] = next[j]!;
    next[j] = addr;
  }
  for (let i = 0; i < addrs.length; i++) {
    const word = addrs[i]! >>> 2;
    mem[word] = next[i]!;
    mem[word + 1] = addrs[random(addrs.length)]!;
  }
}

/** Drains with others until nobody has anything. */
function markWithOthers(mem: Int32Array, marker: Marker): void {
  for (;;) {
    Atomics.add(mem, AT_WORK, 1);
    while (marker.drain(BUDGET) > 0);
    Atomics.sub(mem, AT_WORK, 1);
    // Whoever takes a buffer has announced itself first.
    while (marker.nothingToTake()) if (Atomics.load(mem, AT_WORK) === 0) return;
  }
}

async function collect(shape: Shape, markers: number, shared: boolean): Promise<Figures> {
  const heap = new MarkerHeap(createRegion(BYTES, shared));
  const mem = heap.region.i32;
  const addrs = allocate(heap, OBJECTS);
  if (shape === "tree") buildTree(mem, addrs);
  else buildRandom(mem, addrs);
  const marker = heap.marker(0);
  const kernel = sweepKernel(heap.region, false);
  let worker: Worker | undefined;
  if (markers === 2) {
    worker = new Worker(new URL(import.meta.url), { workerData: heap.region.memory, execArgv: ["--conditions=dev"] });
    await once(worker, "message");
  }
  const marking: number[] = [];
  const sweeping: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const before = marker.markedObjects;
    let start = process.hrtime.bigint();
    marker.markOne(addrs[0]!);
    marker.flushLocal();
    Atomics.store(mem, GATE, round);
    Atomics.notify(mem, GATE);
    const done = worker === undefined ? undefined : once(worker, "message") as Promise<[number]>;
    markWithOthers(mem, marker);
    marking.push(Number(process.hrtime.bigint() - start));
    const [others] = done === undefined ? [0] : await done;
    const marked = marker.markedObjects - before + others;
    if (marked < OBJECTS - 1 || marker.badPointers > 0 || marker.takeOverflow()) throw new Error(`${marked} objects were marked`);
    start = process.hrtime.bigint();
    for (const s of heap.all) if (kernel.sweep(s) > 1) throw new Error("a live object died");
    sweeping.push(Number(process.hrtime.bigint() - start));
  }
  if (worker !== undefined) {
    Atomics.store(mem, GATE, STOP);
    Atomics.notify(mem, GATE);
  }
  const best = (all: number[]): number => all.sort((a, b) => a - b)[all.length >> 2]!;
  return { n: OBJECTS, ns: best(marking) / OBJECTS, "sweep-ns/object": best(sweeping) / OBJECTS, "sweep-ns/span": best(sweeping) / heap.all.length };
}

function work(memory: RegionMemory): void {
  const heap = new MarkerHeap(openRegion(memory));
  const mem = heap.region.i32;
  const marker = heap.marker(1);
  parentPort!.postMessage("ready");
  for (let round = 0; ; ) {
    Atomics.wait(mem, GATE, round);
    round = Atomics.load(mem, GATE);
    if (round === STOP) return;
    const before = marker.markedObjects;
    markWithOthers(mem, marker);
    parentPort!.postMessage(marker.markedObjects - before);
  }
}

if (!isMainThread) {
  work(workerData as RegionMemory);
} else {
  await run(import.meta.url, {
    "Mark/shape=tree/markers=1": () => collect("tree", 1, true),
    "Mark/shape=tree/markers=2": () => collect("tree", 2, true),
    "Mark/shape=tree/markers=1/region=unshared": () => collect("tree", 1, false),
    "Mark/shape=random/markers=1": () => collect("random", 1, true),
    "Mark/shape=random/markers=2": () => collect("random", 2, true),
    "Mark/shape=random/markers=1/region=unshared": () => collect("random", 1, false),
  }, 3);
}
