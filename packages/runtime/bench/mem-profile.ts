/**
 * What sampling for the heap profile costs an allocation of 64 bytes (docs/decisions/0013-profile-sampling.md):
 *
 *     node --conditions=dev packages/runtime/bench/mem-profile.ts
 *
 *     ByHand       free the oldest of 10,000 blocks, allocate its successor
 *     Live         with 64 MiB live: allocate an object, put it in the place of one that is drawn at random
 *     Collected    allocate objects with two pointers, of which nothing is kept; the collector's work on this thread is in the figure
 *
 * One process, one heap: the rate is changed to and fro every 20 ms, so that code, memory and the machine's mood are the same for both ways. Processor time; `ratio` is the
 * throughput with samples over that without, the median of all pairs of slices. `sample-ns` is what one sample costs, its end included, from a heap in which each object is one.
 */
import { array, createHeap, f64, ref, struct, type Heap } from "@mallocgc/runtime";
import { randomFrom, run, type Figures } from "@mallocgc/testing";

const MIB = 1 << 20;
const BATCH = 256;
const RING = 10_000;
/** 64 MiB. */
const LIVE = 1 << 20;
const SLICE_MS = 20;
const PAIRS = 400;
const DEFAULT_RATE = 512 << 10;

interface Program {
  readonly heap: Heap;
  /** BATCH operations. */
  readonly kernel: () => void;
}

function byHand(): Program {
  const heap = createHeap({ gc: false, maxBytes: 256 * MIB });
  const ring = Array.from({ length: RING }, () => heap.mallocgc(64));
  let at = 0;
  return {
    heap,
    kernel: () => {
      for (let i = 0; i < BATCH; i++) {
        heap.free(ring[at]!);
        ring[at] = heap.mallocgc(64);
        at = at + 1 === RING ? 0 : at + 1;
      }
    },
  };
}

function collected(): Program {
  const heap = createHeap({ maxBytes: 256 * MIB, gcWorkers: 0 });
  const NodeType = struct("Node", {
    get next() {
      return ref(NodeType);
    },
    get other() {
      return ref(NodeType);
    },
    a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64,
  });
  const Node = heap.type(NodeType);
  return {
    heap,
    kernel: () => {
      for (let i = 0; i < BATCH; i++) heap.alloc(Node);
      heap.safepoint();
    },
  };
}

function live(): Program {
  const heap = createHeap({ maxBytes: 512 * MIB, gcWorkers: 0 });
  const NodeType = struct("Node", { a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64, h: f64 });
  const Node = heap.type(NodeType);
  const Nodes = heap.type(array(ref(NodeType)));
  const random = randomFrom(1);
  heap.turn(() => {
    heap.roots.set("live", heap.alloc(Nodes, LIVE));
  });
  return {
    heap,
    kernel: () => {
      const nodes = heap.roots.get("live");
      for (let i = 0; i < BATCH; i++) Nodes.at.set(nodes, random(LIVE), heap.alloc(Node));
      heap.safepoint();
    },
  };
}

/** Processor time per operation in one slice at that rate, in ns. */
function slice({ heap, kernel }: Program, rate: number): number {
  heap.debug.setMemProfileRate(rate);
  const before = process.cpuUsage();
  let n = 0;
  for (const end = performance.now() + SLICE_MS; performance.now() < end; n += BATCH) kernel();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / n;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function measure(program: Program): Figures {
  for (let i = 0; i < 20; i++) slice(program, i % 2 === 0 ? 0 : DEFAULT_RATE);
  const pairs = Array.from({ length: PAIRS }, (_, i) => {
    // The first of a pair is now the one, now the other.
    if (i % 2 === 0) return { off: slice(program, 0), on: slice(program, DEFAULT_RATE) };
    const on = slice(program, DEFAULT_RATE);
    return { off: slice(program, 0), on };
  });
  const off = median(pairs.map((pair) => pair.off));
  const every = median(Array.from({ length: 20 }, () => slice(program, 1)));
  return { n: PAIRS, ns: off, "sampled-ns": median(pairs.map((pair) => pair.on)), ratio: median(pairs.map((pair) => pair.off / pair.on)), "sample-ns": every - off };
}

await run(import.meta.url, { "MemProfile/size=64/heap=by-hand": () => measure(byHand()), "MemProfile/size=64/heap=live": () => measure(live()), "MemProfile/size=64/heap=collected": () => measure(collected()) }, 3);
