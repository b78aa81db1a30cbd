/**
 * The sweep of one span: the kernel, and the same word by word in TypeScript (docs/decisions/0010-sweep.md):
 *
 *     node --conditions=dev packages/gc/bench/sweep.ts [NAME ...]
 *
 * 1000 spans; between two sweeps each gets every third slot marked and all handed out again, outside the time.
 */
import { sweepKernel } from "@mallocgc/gc";
import { MSpan, SCAN_NEVER, popcount32, type SpanPtr, type Spans } from "@mallocgc/mspan";
import { makeSpanClass, sizeToClass } from "@mallocgc/sizeclass";
import { run, type Figures } from "@mallocgc/testing";
// eslint-disable-next-line no-restricted-imports -- the test heap of this very package
import { MarkerHeap } from "../src/testing/marker-heap.ts";

const {
  nelems: NELEMS, freeIndex: FREE_INDEX, allocBits: ALLOC_BITS, freedBits: MARK_BITS, freeIndexForScan: FREE_INDEX_FOR_SCAN,
  allocCount: ALLOC_COUNT, needzero: NEEDZERO,
} = MSpan.offset;
const NEVER = SCAN_NEVER;
const SPANS = 1000;
const ROUNDS = 300;

/** The lowest `n` bits of a word. */
function below(n: number): number {
  if (n <= 0) return 0;
  return n >= 32 ? -1 : (1 << n) - 1;
}

class TypeScriptSweep {
  readonly mem: Int32Array;
  private readonly spans: Spans;
  constructor(mem: Int32Array, spans: Spans) {
    this.mem = mem;
    this.spans = spans;
  }
  sweep(s: SpanPtr): number {
    const mem = this.mem;
    const nwords = (mem[s + NELEMS]! + 31) >>> 5;
    const freeIndex = mem[s + FREE_INDEX]!;
    const since = mem[s + FREE_INDEX_FOR_SCAN]!;
    const marks = mem[s + MARK_BITS]!;
    const old = mem[s + ALLOC_BITS]!;
    const own = this.spans.ownAllocBits(s);
    let died = 0;
    let live = 0;
    for (let w = 0; w < nwords; w++) {
      const allocated = mem[old + w]!;
      const handedOut = allocated | below(freeIndex - (w << 5));
      const isNew = handedOut & ~allocated & ~below(since - (w << 5));
      const alive = handedOut & (mem[marks + w]! | isNew);
      live += popcount32(alive);
      died += popcount32(handedOut & ~alive);
      mem[own + w] = alive;
      mem[marks + w] = 0;
    }
    if (old !== own) Atomics.store(mem, s + ALLOC_BITS, own);
    mem[s + FREE_INDEX_FOR_SCAN] = NEVER;
    mem[s + ALLOC_COUNT] = live;
    if (died > 0) mem[s + NEEDZERO] = 1;
    this.spans.rewind(s);
    return died;
  }
}

function sweepAll(size: number, kernel: boolean): Figures {
  const heap = MarkerHeap.create(64 << 20);
  const mem = heap.region.i32;
  for (let i = 0; i < SPANS; i++) heap.span(makeSpanClass(sizeToClass(size), true));
  const way = kernel ? sweepKernel(heap.region, false) : new TypeScriptSweep(mem, heap.spans);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const s of heap.all) {
      mem[s + FREE_INDEX] = mem[s + NELEMS]!;
      for (let slot = 0; slot < mem[s + NELEMS]!; slot += 3) mem[mem[s + MARK_BITS]! + (slot >>> 5)]! |= 1 << (slot & 31);
    }
    const start = process.hrtime.bigint();
    let died = 0;
    for (const s of heap.all) died += way.sweep(s);
    times.push(Number(process.hrtime.bigint() - start) / SPANS);
    if (died === 0) throw new Error("nothing died");
  }
  return { n: SPANS, ns: times.sort((a, b) => a - b)[times.length >> 2]! };
}

await run(import.meta.url, {
  "Sweep/size=32/way=typescript": () => sweepAll(32, false),
  "Sweep/size=32/way=kernel": () => sweepAll(32, true),
  "Sweep/size=16/way=typescript": () => sweepAll(16, false),
  "Sweep/size=16/way=kernel": () => sweepAll(16, true),
  "Sweep/size=1024/way=typescript": () => sweepAll(1024, false),
  "Sweep/size=1024/way=kernel": () => sweepAll(1024, true),
}, 3);
