/**
 * What sampling for the heap profile costs an allocation of 64 bytes (docs/decisions/0013-profile-sampling.md):
 *
 *     node --conditions=dev packages/runtime/bench/mem-profile.ts [Collected|ByHand|Fresh ...]
 *
 *     ByHand       free the oldest of 10,000 blocks, allocate its successor
 *     Fresh        allocate blocks of a heap that is used for the first time, until it is nearly full; then of another
 *     Collected    allocate objects with two pointers, of which nothing is kept; the collector's work on this thread is in the figure
 */
import { createHeap, f64, ref, struct, type HeapOptions } from "@mallocgc/runtime";
import { run, time, type Figures } from "@mallocgc/testing";

const MIB = 1 << 20;
const BATCH = 256;
const RING = 10_000;

function byHand(options: HeapOptions): Figures {
  const heap = createHeap({ gc: false, maxBytes: 256 * MIB, ...options });
  const ring = Array.from({ length: RING }, () => heap.mallocgc(64));
  let at = 0;
  return time(() => {
    for (let i = 0; i < BATCH; i++) {
      heap.free(ring[at]!);
      ring[at] = heap.mallocgc(64);
      at = at + 1 === RING ? 0 : at + 1;
    }
  }, BATCH, 600);
}

function fresh(options: HeapOptions): Figures {
  const make = () => createHeap({ gc: false, maxBytes: 512 * MIB, ...options });
  let heap = make();
  let left = 0;
  let spent = 0n;
  const figures = time(() => {
    if (left < BATCH) {
      const start = process.hrtime.bigint();
      heap.close();
      heap = make();
      left = (400 * MIB) / 64;
      spent += process.hrtime.bigint() - start;
    }
    for (let i = 0; i < BATCH; i++) heap.mallocgc(64);
    left -= BATCH;
  }, BATCH, 600);
  return { n: figures.n, ns: figures.ns, "heaps-ms": Number(spent) / 1e6 };
}

function collected(options: HeapOptions): Figures {
  const heap = createHeap({ maxBytes: 256 * MIB, gcWorkers: 0, ...options });
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
  return time(() => {
    for (let i = 0; i < BATCH; i++) heap.alloc(Node);
    heap.safepoint();
  }, BATCH, 600);
}

const WAYS: Readonly<Record<string, HeapOptions>> = { off: { memProfileRate: 0 }, default: {}, "64KiB": { memProfileRate: 64 << 10 } };
const CASES = { ByHand: byHand, Fresh: fresh, Collected: collected };

await run(
  import.meta.url,
  Object.fromEntries(Object.entries(CASES).flatMap(([name, measure]) => Object.entries(WAYS).map(([way, options]) => [`${name}/size=64/way=${way}`, () => measure(options)]))),
  9,
);
