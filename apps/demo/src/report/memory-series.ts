/**
 * The memory of heap and process over time, from start to end: what `--json` writes as `memorySeries`, and the chart draws.
 *
 * A look every 100 ms. When there are MOST_SAMPLES, every second one goes and looks become half as frequent, so that a run of any length has a series of
 * about one size, evenly spaced: ten samples a second in the first four minutes, one or more a second in the first half hour.
 */
import type { Heap } from "@mallocgc/runtime";

const FIRST_PERIOD_MS = 100;
const MOST_SAMPLES = 2400;

/** One look. Bytes; Go's names for the heap's parts. */
export interface MemorySample {
  /** Since the heap was made, in seconds. */
  readonly seconds: number;
  /** Pages in spans. */
  readonly heapInuse: number;
  /** Pages in no span, those given back included. */
  readonly heapIdle: number;
  /** Idle pages that hold no memory of the operating system: given back, or never touched. */
  readonly heapReleased: number;
  /** Resident bytes of the whole process. */
  readonly rss: number;
}

/** A series that grows by itself until `end`. Its timer keeps no process alive. */
export class MemorySeries {
  /** The most resident bytes at any look, those that were thinned out included. */
  peakRss = 0;
  private readonly heap: Pick<Heap, "readMemStats">;
  private readonly began = performance.now();
  private readonly kept: MemorySample[] = [];
  private periodMs = FIRST_PERIOD_MS;
  private timer: NodeJS.Timeout | undefined;

  constructor(heap: Pick<Heap, "readMemStats">) {
    this.heap = heap;
    this.keepLooking();
  }

  get samples(): readonly MemorySample[] {
    return this.kept;
  }

  /** Looks now, beside the regular looks, and keeps it. */
  look(): MemorySample {
    const { HeapInuse, HeapIdle, HeapReleased } = this.heap.readMemStats();
    const sample = { seconds: (performance.now() - this.began) / 1000, heapInuse: HeapInuse, heapIdle: HeapIdle, heapReleased: HeapReleased, rss: process.memoryUsage.rss() };
    this.peakRss = Math.max(this.peakRss, sample.rss);
    this.kept.push(sample);
    return sample;
  }

  /** Takes the last look. */
  end(): void {
    clearInterval(this.timer);
    this.look();
  }

  private keepLooking(): void {
    clearInterval(this.timer);
    this.timer = setInterval(() => {
      this.look();
      if (this.kept.length >= MOST_SAMPLES) this.thin();
    }, this.periodMs).unref();
  }

  private thin(): void {
    // The first stays, and the last, from which on it goes at twice the distance.
    const half = this.kept.filter((_, i) => i === 0 || (this.kept.length - i) % 2 === 1);
    this.kept.splice(0, this.kept.length, ...half);
    this.periodMs *= 2;
    this.keepLooking();
  }
}
