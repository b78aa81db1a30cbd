/** A thread that allocates and frees spans at random, checks that nobody else has its pages, and hands some to other threads to free. */
import { parentPort, workerData } from "node:worker_threads";
import type { SpanPtr } from "@mallocgc/mspan";
import { PAGE_SIZE, openRegion, type Region } from "@mallocgc/sysmem";
import type { HeapConfig } from "../index.ts";
import { Random } from "./page-layout.ts";
import { openTestHeap } from "./test-heap.ts";

export interface HeapJob {
  readonly memory: Region["memory"];
  readonly config: HeapConfig;
  readonly id: number;
  readonly seed: number;
  readonly steps: number;
  /** Most pages that this thread holds at a time. */
  readonly maxLivePages: number;
  /** Words through which spans change hands: a span, or 0. Not memory of the heap. */
  readonly mailbox: Int32Array;
}

export interface HeapResult {
  readonly allocated: number;
  readonly refused: number;
  readonly passedOn: number;
  readonly wildHits: number;
  readonly problems: string[];
}

const job = workerData as HeapJob;
const heap = openTestHeap(openRegion(job.memory), job.config, job.id);
const random = new Random(job.seed);
const { mem, spans } = heap;
const live: SpanPtr[] = [];
const problems: string[] = [];
let livePages = 0;
let allocated = 0;
let refused = 0;
let passedOn = 0;
let wildHits = 0;

/** Each page of a live span carries its holder's mark in its first and last word. */
const markOf = (s: SpanPtr): number => (job.id << 24) | (s & 0xffffff);

function mark(s: SpanPtr, value: number): void {
  const word = spans.base(s) / 4;
  for (let page = 0; page < spans.npages(s); page++) {
    mem[word + page * 2048] = value;
    mem[word + page * 2048 + 2047] = value;
  }
}

function check(s: SpanPtr, value: number): void {
  const word = spans.base(s) / 4;
  for (let page = 0; page < spans.npages(s); page++) {
    if (mem[word + page * 2048] !== value || mem[word + page * 2048 + 2047] !== value) problems.push(`page ${page} of span ${s} was written by somebody else`);
    if (heap.spanOf((word + page * 2048) * 4 + 5) !== s) problems.push(`page ${page} of span ${s} does not resolve to it`);
  }
}

function free(s: SpanPtr): void {
  livePages -= spans.npages(s);
  heap.free(s);
}

for (let step = 0; step < job.steps; step++) {
  const what = random.next(100);
  if (what < 50 && livePages < job.maxLivePages) {
    const npages = [1, 1, 1, 1, 2, 2, 3, 4, 10, 15, 16, 40, 130][random.next(13)]!;
    const s = heap.alloc(npages, 1);
    if (s === 0) {
      refused++;
      continue;
    }
    allocated++;
    livePages += npages;
    mark(s, markOf(s));
    live.push(s);
  } else if (live.length > 0) {
    const i = random.next(live.length);
    const s = live[i]!;
    live[i] = live.at(-1)!;
    live.pop();
    check(s, markOf(s));
    if (what < 90) free(s);
    else {
      // Whoever finds a span in the mailbox is its holder from then on.
      livePages -= spans.npages(s);
      passedOn++;
      const got = Atomics.exchange(job.mailbox, random.next(job.mailbox.length), s) as SpanPtr;
      if (got !== 0) heap.free(got);
    }
  }
  if (what === 99) heap.flush();
  // An address that nobody gave out, while others make and free spans all around it.
  const addr = (random.word() >>> 0) % job.config.maxBytes;
  const s = heap.spanOf(addr);
  if (s === 0) continue;
  wildHits++;
  if (s < heap.frontier.persistentStart * (PAGE_SIZE / 4) || s + 32 > mem.length) problems.push(`address ${addr} resolved to ${s}, which is no span record`);
}
for (const s of live) {
  check(s, markOf(s));
  free(s);
}
heap.flush();
const result: HeapResult = { allocated, refused, passedOn, wildHits, problems: problems.slice(0, 20) };
parentPort!.postMessage(result);
