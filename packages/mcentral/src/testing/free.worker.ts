/**
 * A thread of free.threads.test.ts. Blocks travel between threads through a ring of slots: who puts one in takes another out, and frees it.
 */
import { parentPort, workerData } from "node:worker_threads";
import { FREE_NOT_LIVE, type SpanPtr } from "@mallocgc/mspan";
import { openRegion, type Region } from "@mallocgc/sysmem";
import { TestCentral } from "./test-central.ts";

/** What the test tells a worker. */
export interface FreeJob {
  readonly memory: Region["memory"];
  readonly id: number;
  readonly seed: number;
  readonly rounds: number;
  /** `trade`: allocate, put into the ring, free what was there. `race`: free every block in the ring, others doing the same. */
  readonly kind: "trade" | "race";
  readonly spanClasses: readonly number[];
  readonly ring: Int32Array;
  /** For each 8 bytes of the region: the thread that was handed the block that begins there, + 1; 0 when it is not live. */
  readonly owner: Int32Array;
  /** Set to 1 by the test when every worker has started. */
  readonly gate: Int32Array;
}

const job = workerData as FreeJob;
const t = new TestCentral(openRegion(job.memory), job.id);
const { ring, owner } = job;
const held = new Map<number, SpanPtr>();

let state = job.seed | 1;
function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

/** As an mcache does it: the cached span, else what was freed in it, else another. */
function alloc(spc: number): number {
  for (;;) {
    const s = held.get(spc);
    const addr = s === undefined ? 0 : t.spans.nextFree(s);
    if (addr !== 0) return addr;
    if (s !== undefined && t.freed.pending(s) >= t.central.threshold(spc)) {
      t.freed.merge(s);
      continue;
    }
    const next = s === undefined ? t.central.cacheSpan(spc) : t.central.exchangeSpan(s);
    if (next === 0) throw new Error("the region is full");
    held.set(spc, next);
  }
}

function free(addr: number): void {
  if (Atomics.exchange(owner, addr >>> 3, 0) === 0) throw new Error(`the block at ${addr} was in the ring, but is not live`);
  if (!t.freeAddr(addr)) throw new Error(`the free of the live block at ${addr} was refused`);
}

function trade(): number {
  for (let round = 0; round < job.rounds; round++) {
    const spc = job.spanClasses[random(job.spanClasses.length)]!;
    let put = 0;
    if (random(16) !== 0) {
      put = alloc(spc);
      const before = Atomics.exchange(owner, put >>> 3, job.id + 1);
      if (before !== 0) throw new Error(`the block at ${put} was handed out twice: to thread ${before - 1} and to ${job.id}`);
    } else if (held.has(spc) && random(4) === 0) {
      t.central.uncacheSpan(held.get(spc)!);
      held.delete(spc);
    } else if (random(64) === 0) {
      t.central.reclaim(spc);
    }
    const got = Atomics.exchange(ring, random(ring.length), put) >>> 0;
    if (got !== 0) free(got);
  }
  return 0;
}

function race(): number {
  let won = 0;
  for (const addr of ring) {
    const s = t.heap.spanOf(addr);
    if (s === 0) continue;
    const slot = t.spans.slotOf(s, addr);
    if (t.freed.free(s, slot, Infinity) !== FREE_NOT_LIVE) won++;
  }
  return won;
}

parentPort?.postMessage("ready");
Atomics.wait(job.gate, 0, 0, 30000);
const result = job.kind === "trade" ? trade() : race();
for (const s of held.values()) t.central.uncacheSpan(s);
t.heap.flush();
parentPort?.postMessage(result);
