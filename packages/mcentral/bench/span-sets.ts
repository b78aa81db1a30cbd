/**
 * A set of spans behind a lock, and Go's lock-free spanSet in JavaScript (docs/decisions/0005-span-sets.md):
 *
 *     node --conditions=dev packages/mcentral/bench/span-sets.ts
 *
 * One operation is a push and a pop, each on its own, as uncacheSpan and cacheSpan do them. The lock-free one is the core of Go's: an atomic
 * index of head and tail, blocks of entries, a wait for an entry that is being written; without growing the spine and without freeing blocks.
 */
import { once } from "node:events";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { MCentral, SpanSets } from "@mallocgc/mcentral";
import { MSpan, type SpanPtr } from "@mallocgc/mspan";
import { Mutexes, RANK_CENTRAL, createRegion, openRegion, type Ptr, type Region } from "@mallocgc/sysmem";
import { run, time, type Figures } from "@mallocgc/testing";

const BATCH = 1000;
const CENTRAL = 1024 as Ptr;
const HEAD_TAIL = 2048;
const SPINE = 2064;
const FIRST_BLOCK = 4096;
const BLOCK_SHIFT = 9;
const BLOCK_WORDS = (1 << BLOCK_SHIFT) + 16;
const BLOCKS = 64;
const RECORDS = 65536;

interface Set {
  push(s: SpanPtr): void;
  pop(): SpanPtr;
}

/** As central.ts uses them. */
class LockedSet implements Set {
  private readonly sets: SpanSets;
  private readonly mutexes: Mutexes;
  constructor(region: Region, id: number) {
    this.sets = new SpanSets(region);
    this.mutexes = new Mutexes(region, id + 1);
  }
  push(s: SpanPtr): void {
    this.mutexes.lock(CENTRAL, RANK_CENTRAL);
    this.sets.pushLocked(CENTRAL, 13, 0, s);
    this.mutexes.unlock(CENTRAL, RANK_CENTRAL);
  }
  pop(): SpanPtr {
    this.mutexes.lock(CENTRAL, RANK_CENTRAL);
    const s = this.sets.popLocked(CENTRAL, 0);
    this.mutexes.unlock(CENTRAL, RANK_CENTRAL);
    return s;
  }
}

/** head in the low half of the index, tail in the high half. */
class LockFreeSet implements Set {
  readonly mem: Int32Array;
  constructor(region: Region) {
    this.mem = region.i32;
    for (let i = 0; i < BLOCKS; i++) this.mem[SPINE + i] = FIRST_BLOCK + i * BLOCK_WORDS;
  }
  push(s: SpanPtr): void {
    const mem = this.mem;
    const at = Atomics.add(mem, HEAD_TAIL, 1) & 0xffff;
    const block = Atomics.load(mem, SPINE + (at >>> BLOCK_SHIFT));
    Atomics.store(mem, block + 16 + (at & ((1 << BLOCK_SHIFT) - 1)), s);
  }
  pop(): SpanPtr {
    const mem = this.mem;
    let headTail = Atomics.load(mem, HEAD_TAIL);
    for (;;) {
      if ((headTail & 0xffff) <= headTail >>> 16) return 0 as SpanPtr;
      const seen = Atomics.compareExchange(mem, HEAD_TAIL, headTail, headTail - 1);
      if (seen === headTail) break;
      headTail = seen;
    }
    const at = (headTail & 0xffff) - 1;
    const block = Atomics.load(mem, SPINE + (at >>> BLOCK_SHIFT));
    const entry = block + 16 + (at & ((1 << BLOCK_SHIFT) - 1));
    let s = Atomics.load(mem, entry);
    while (s === 0) s = Atomics.load(mem, entry);
    Atomics.store(mem, entry, 0);
    Atomics.add(mem, block, 1);
    return s as SpanPtr;
  }
}

const WAYS: Readonly<Record<string, (region: Region, id: number) => Set>> = {
  locked: (region, id) => new LockedSet(region, id),
  lockfree: (region) => new LockFreeSet(region),
};

/** Pushes and pops with 100 spans in the set, its own first. */
function kernelOf(region: Region, set: Set, id: number): () => void {
  const own = Array.from({ length: 50 }, (_, i) => (RECORDS + (id * 64 + i) * MSpan.words) as SpanPtr);
  for (const s of own) set.push(s);
  if (region.i32[CENTRAL + MCentral.offset.lock] === undefined) throw new Error("no such word");
  return () => {
    for (let i = 0; i < BATCH; i++) {
      const s = set.pop();
      if (s === 0) throw new Error("the set is empty");
      set.push(s);
    }
  };
}

function alone(way: string): Figures {
  const region = createRegion(4 << 20, true);
  return time(kernelOf(region, WAYS[way]!(region, 0), 0), BATCH);
}

/** Two threads on one set: time per operation of each, while both are at work. */
async function together(way: string): Promise<Figures> {
  const region = createRegion(4 << 20, true);
  const worker = new Worker(new URL(import.meta.url), { workerData: { memory: region.memory, way } });
  await once(worker, "message");
  const figures = time(kernelOf(region, WAYS[way]!(region, 0), 0), BATCH, 600);
  Atomics.store(region.i32, 1, 1);
  await once(worker, "message");
  return figures;
}

if (isMainThread) {
  await run(import.meta.url, {
    "SpanSet/threads=1/way=lockfree": () => alone("lockfree"),
    "SpanSet/threads=1/way=locked": () => alone("locked"),
    "SpanSet/threads=2/way=lockfree": () => together("lockfree"),
    "SpanSet/threads=2/way=locked": () => together("locked"),
  });
} else {
  const { memory, way } = workerData as { memory: WebAssembly.Memory; way: string };
  const region = openRegion(memory);
  const kernel = kernelOf(region, WAYS[way]!(region, 1), 1);
  parentPort!.postMessage("ready");
  while (Atomics.load(region.i32, 1) === 0) kernel();
  parentPort!.postMessage("done");
}
