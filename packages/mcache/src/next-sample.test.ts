import { loadSampling } from "@mallocgc/go-oracle";
import { CLASS_TO_SIZE, NUM_SPAN_CLASSES, makeSpanClass, sizeToClass } from "@mallocgc/sizeclass";
import { MSpan, SPAN_CLASS_TO_NELEMS } from "@mallocgc/mspan";
import { randomFrom } from "@mallocgc/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Cache, MCache } from "./index.ts";
import { fastLog2, sampleGap } from "./next-sample.ts";
import { TestCache } from "./testing/test-cache.ts";

const B64 = makeSpanClass(sizeToClass(64), true);
const RATE = 4096;
const SMALL = Array.from({ length: NUM_SPAN_CLASSES - 2 }, (_, i) => i + 2);

afterEach(() => vi.restoreAllMocks());

/** Has `Math.random` follow a seed. */
function seed(n: number): void {
  const random = randomFrom(n);
  vi.spyOn(Math, "random").mockImplementation(() => random(2 ** 26) / 2 ** 26);
}

/** A cache whose samples are noted. */
function sampling(rate: number, bytes = 16 << 20): { t: TestCache; samples: number[]; setRate: (rate: number) => void } {
  const t = TestCache.create(bytes);
  const samples: number[] = [];
  t.cache.connectProfile({ sample: (_, addr) => void samples.push(addr) });
  const word = Cache.rateWord(t.cache.emptySpan);
  const setRate = (n: number): void => void Atomics.store(t.mem, word, n);
  setRate(rate);
  return { t, samples, setRate };
}

/** Go's countdown per allocation, one for the class. */
class GoCountdown {
  private left: number;
  private readonly gap: () => number;
  constructor(gap: () => number) {
    this.gap = gap;
    this.left = gap();
  }
  /** Whether an object of that size is sampled. */
  alloc(size: number): boolean {
    this.left -= size;
    if (this.left >= 0) return false;
    this.left = this.gap();
    return true;
  }
}

describe("gaps", () => {
  test("are made of a log2 that is Go's to the last bit", () => {
    const { log2 } = loadSampling();
    expect(log2.length).toBeGreaterThan(500);
    for (const [x, y] of log2) expect(fastLog2(x), `log2 ${x}`).toBe(y);
  });

  test("are 1 for the largest random number, fit a signed word at the largest rate, and grow with the rate up to it", () => {
    expect(sampleGap(512 << 10, 2 ** 26)).toBe(1);
    expect(sampleGap(0x7000000, 1)).toBe(Math.trunc(26 * Math.LN2 * 0x7000000) + 1);
    expect(sampleGap(0x7000000, 1)).toBeLessThan(2 ** 31 - 1);
    expect(sampleGap(0x7fffffff, 1000)).toBe(sampleGap(0x7000000, 1000));
  });

  test("are exponentially distributed with the rate as their mean (Kolmogorov-Smirnov at 1 %, seed 7)", () => {
    const random = randomFrom(7);
    const n = 20_000;
    const gaps = Array.from({ length: n }, () => sampleGap(RATE * 64, random(2 ** 26) + 1)).sort((a, b) => a - b);
    const worst = Math.max(...gaps.map((gap, i) => Math.abs(1 - Math.exp(-gap / (RATE * 64)) - (i + 0.5) / n)));
    expect(worst).toBeLessThan(1.63 / Math.sqrt(n));
  });
});

describe("what is sampled", () => {
  test("are exactly the slots that Go's countdown per allocation would sample, whatever else the cache goes through", () => {
    for (const size of [8, 16, 64, 112, 1024, 8192, 32768]) {
      const spc = makeSpanClass(sizeToClass(size), true);
      seed(size);
      const { t, samples } = sampling(RATE);
      const numbers = randomFrom(99 + size);
      // Both draw from the same numbers: the cache draws one per class when it begins, of which the model needs its class's.
      const drawn: number[] = [];
      const random = randomFrom(size);
      const next = (): number => (drawn.length > 0 ? drawn.shift()! : random(2 ** 26));
      drawn.push(...Array.from({ length: NUM_SPAN_CLASSES }, () => random(2 ** 26)));
      const first = drawn[spc]!;
      drawn.length = 0;
      let started = false;
      const go = new GoCountdown(() => {
        const q = started ? next() : first;
        started = true;
        return sampleGap(RATE, q + 1);
      });
      const expected: number[] = [];
      const live: number[] = [];
      for (let i = 0; i < 6000; i++) {
        const addr = t.cache.alloc(spc, 1);
        if (go.alloc(CLASS_TO_SIZE[spc >> 1]!)) expected.push(addr);
        live.push(addr);
        if (live.length > 200 || numbers(3) === 0) t.freeAddr(live.splice(numbers(live.length), 1)[0]!);
        if (numbers(50) === 0) t.cache.releaseAll();
      }
      expect(expected.length, `size ${size}`).toBeGreaterThan(10);
      expect(samples, `size ${size}`).toEqual(expected);
    }
  });

  test("is every object at rate 1, in every span class, and none at rate 0", () => {
    for (const rate of [0, 1]) {
      const { t, samples } = sampling(rate, 64 << 20);
      const all: number[] = [];
      for (const spc of SMALL) for (let i = 0; i < SPAN_CLASS_TO_NELEMS[spc]! + 3; i++) all.push(t.cache.alloc(spc, 1));
      expect(samples).toEqual(rate === 0 ? [] : all);
    }
  });

  test("follows the rate from the next window on", () => {
    const { t, samples, setRate } = sampling(0);
    t.cache.alloc(B64, 1);
    setRate(1);
    for (let i = 1; i < 32; i++) t.cache.alloc(B64, 1);
    expect(samples, "this window was laid out at rate 0").toEqual([]);
    for (let i = 0; i < 32; i++) t.cache.alloc(B64, 1);
    expect(samples).toHaveLength(32);
    setRate(0);
    for (let i = 0; i < 100; i++) t.cache.alloc(B64, 1);
    expect(samples).toHaveLength(32);
  });

  test("large objects count by their size", () => {
    seed(3);
    const { t, samples } = sampling(100_000);
    const s = t.heap.alloc(5, 1);
    for (let i = 0; i < 2000; i++) t.cache.sampleLarge(s, 1, 40_960);
    // Of n objects each is sampled with probability 1 - exp(-size / rate).
    const p = 1 - Math.exp(-0.4096);
    expect(Math.abs(samples.length - 2000 * p)).toBeLessThan(4 * Math.sqrt(2000 * p * (1 - p)));
  });
});

describe("a window that was cut", () => {
  test("loses no slot: every slot is handed out once and in order, however often the span changes hands", () => {
    for (const spc of SMALL) {
      seed(spc);
      const { t } = sampling(1 + CLASS_TO_SIZE[spc >> 1]! * 5);
      const other = t.another(1);
      const seen: number[] = [];
      for (let i = 0; i < SPAN_CLASS_TO_NELEMS[spc]!; i++) {
        const cache = i % 7 < 4 ? t.cache : other.cache;
        seen.push(cache.alloc(spc, 1));
        if (i % 7 === 3 || i % 7 === 6) cache.releaseAll();
      }
      const s = t.heap.spanOf(seen[0]!);
      expect(seen.map((addr) => t.spans.slotOf(s, addr)), `span class ${spc}`).toEqual(seen.map((_, i) => i));
    }
  });

  test("keeps the fast path to what it was: the same words of the record, no call to Atomics", () => {
    const { t } = sampling(1 << 28);
    seed(1);
    t.cache.alloc(B64, 1);
    const load = vi.spyOn(Atomics, "load");
    for (let i = 1; i < SPAN_CLASS_TO_NELEMS[B64]!; i++) t.cache.alloc(B64, 1);
    expect(load).not.toHaveBeenCalled();
    expect(t.mem[t.cached(B64) + MSpan.offset.allocCache]).toBe(0);
    expect(t.mem[t.cache.base + MCache.offset.memProfileRate]).toBe(1 << 28);
  });
});
