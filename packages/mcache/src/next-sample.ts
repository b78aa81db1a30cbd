/**
 * When the next allocation is to be sampled for the heap profile, at no cost to the allocation fast path.
 *
 * Go counts the bytes that a P allocates down from a random number, exponentially distributed with mean `MemProfileRate`, and samples the allocation that
 * reaches below 0. Such gaps have no memory, so one countdown per span class of a P, each with that mean, draw the same samples from the bytes of all classes
 * together (a sum of Poisson processes is one). And of one class a whole window of slots can be paid for at once:
 *
 *     window laid out    n free slots of `size` bytes
 *       n * size <= left    left -= n * size; the fast path hands all of them out, none is sampled
 *       else                k = left / size slots come before the sample: left -= k * size, and the window is cut to these k.
 *                           The slot after them misses the fast path. Its window begins with left < size: it is the sample; a new gap is drawn
 *     span given back    what is left of its window was paid for and not handed out: left += its bytes
 *
 * So exactly the slots are sampled that Go's countdown per allocation would sample. A large object pays when it is allocated.
 *
 * `left` is in bytes: 0 after a sample at rate 1, so every slot is one; NEVER at rate 0, and then windows are not cut. The rate is one word for all threads; a P
 * takes notice of a change when its next window is laid out, and draws all its countdowns anew. Windows laid out before that keep to the old rate.
 */
import { NUM_SPAN_CLASSES } from "@mallocgc/sizeclass";
import { MSpan, popcount32, type SpanPtr, type Spans } from "@mallocgc/mspan";
import type { Addr, Ptr, Region } from "@mallocgc/sysmem";
import { MCache } from "./cache-record.ts";

const { nextSample: NEXT_SAMPLE, memProfileRate: RATE_SEEN } = MCache.offset;
const { allocCache: ALLOC_CACHE, elemSize: ELEM_SIZE } = MSpan.offset;
const CLASSES = NUM_SPAN_CLASSES;
/** A countdown that never ends: larger than any gap. */
const NEVER = 0x7fffffff;
/** No rate: the P draws its countdowns when it lays out its first window. */
const NONE_SEEN = -1;

/** Go's MemProfileRate: one sample in 512 KiB allocated, on average. */
export const DEFAULT_MEM_PROFILE_RATE: number = 512 << 10;
/** The largest mean gap: one above it is as good as this. As in Go, so that a gap fits 32 bits. */
export const MAX_MEM_PROFILE_RATE = 0x7000000;

/** Bits of the random number that a gap is made of. */
const RANDOM_BITS = 26;
/** log2(1 + i / 32), rounded as in Go's table: between two of these Go's log2 is a straight line, of 2^20 steps. */
const LOG2: Float64Array = Float64Array.from({ length: 33 }, (_, i) => 1 + Math.log((1 + i / 32) / 2) * (1 / Math.LN2));
const STEPS: number = 2 ** 20;

/** Go's approximation of log2, for an integer from 1 to 2^31 - 1. */
export function fastLog2(x: number): number {
  const exponent = 31 - Math.clz32(x);
  const position = (x / 2 ** exponent - 1) * 32;
  const i = Math.floor(position);
  return exponent + LOG2[i]! + ((LOG2[i + 1]! - LOG2[i]!) * Math.floor((position - i) * STEPS)) / STEPS;
}

/** The gap to the next sample in bytes, for q, which is uniform from 1 to 2^26, and a mean of `rate` bytes from 2: Go's fastexprand. */
export function sampleGap(rate: number, q: number): number {
  const log = Math.min(fastLog2(q) - RANDOM_BITS, 0);
  return Math.trunc(log * -Math.LN2 * Math.min(rate, MAX_MEM_PROFILE_RATE)) + 1;
}

/** Who takes a sample: an object of `bytes` bytes has been allocated at `addr`, a slot of span `s`. Nobody else knows it yet. */
export interface SampleSink {
  sample(s: SpanPtr, addr: Addr, bytes: number): void;
}

/** The countdowns of one P. */
export class NextSample {
  private readonly mem: Int32Array;
  private readonly base: Ptr;
  private readonly rate: Ptr;
  private readonly spans: Spans;

  /** `base` is the P's mcache record, `rate` the word that all threads share. */
  constructor(region: Region, base: Ptr, rate: Ptr, spans: Spans) {
    this.mem = region.i32;
    this.base = base;
    this.rate = rate;
    this.spans = spans;
  }

  /** The record is given to a new P. */
  init(): void {
    this.mem[this.base + RATE_SEEN] = NONE_SEEN;
  }

  /** Pays for the window of `s`, just laid out, and cuts it where a sample falls into it. Whether its first slot is the sample. Holder only. */
  layOut(s: SpanPtr, spanClass: number): boolean {
    const mem = this.mem;
    if (mem[this.rate] !== mem[this.base + RATE_SEEN]) this.restart();
    const at = this.base + NEXT_SAMPLE + spanClass;
    const left = mem[at]!;
    if (left === NEVER) return false;
    const size = mem[s + ELEM_SIZE]!;
    const n = popcount32(mem[s + ALLOC_CACHE]!);
    if (n * size <= left) {
      mem[at] = left - n * size;
      return false;
    }
    return this.cut(s, at, n, size);
  }

  private cut(s: SpanPtr, at: number, n: number, size: number): boolean {
    const mem = this.mem;
    const left = mem[at]!;
    const sampled = left < size;
    const gap = sampled ? this.gap() : left;
    const unsampled = Math.min(Math.floor(gap / size), sampled ? n - 1 : n);
    mem[at] = gap - unsampled * size;
    this.spans.cutWindow(s, sampled ? unsampled + 1 : unsampled);
    return sampled;
  }

  /** Takes back what was paid for slots of the window of `s` that were not handed out: the holder gives the span back. */
  giveBack(s: SpanPtr, spanClass: number): void {
    const mem = this.mem;
    const at = this.base + NEXT_SAMPLE + spanClass;
    const left = mem[at]!;
    if (left !== NEVER) mem[at] = Math.min(left + popcount32(mem[s + ALLOC_CACHE]!) * mem[s + ELEM_SIZE]!, NEVER - 1);
  }

  /** Pays for one object of `nbytes`. Whether it is a sample. */
  payLarge(spanClass: number, nbytes: number): boolean {
    const mem = this.mem;
    if (mem[this.rate] !== mem[this.base + RATE_SEEN]) this.restart();
    const at = this.base + NEXT_SAMPLE + spanClass;
    const left = mem[at]!;
    if (left === NEVER) return false;
    const sampled = left < nbytes;
    mem[at] = sampled ? this.gap() : left - nbytes;
    return sampled;
  }

  /** The rate has changed, or the P is new: draws every countdown. */
  private restart(): void {
    const mem = this.mem;
    mem[this.base + RATE_SEEN] = mem[this.rate]!;
    for (let spc = 0; spc < CLASSES; spc++) mem[this.base + NEXT_SAMPLE + spc] = this.gap();
  }

  private gap(): number {
    const rate = this.mem[this.base + RATE_SEEN]!;
    if (rate < 2) return rate === 0 ? NEVER : 0;
    return sampleGap(rate, Math.floor(Math.random() * 2 ** RANDOM_BITS) + 1);
  }
}
