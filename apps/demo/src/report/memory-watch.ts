/**
 * The most memory that a heap takes while threads work on it, looked at every few milliseconds.
 *
 * *Memory* is all that the heap has from the system and has not given back, whatever it is used for: Go's Sys - HeapReleased. That is spans
 * in use, idle pages that were in use before, records, and the tables that are sized for `maxBytes` (counted whole, although most of their pages are
 * never touched). Pages that no span ever covered count as released.
 */
import type { Heap } from "@mallocgc/runtime";

const EVERY_MS = 5;

/** A watch, from its making to `end`. */
export class MemoryWatch {
  /** The most of Go's HeapInuse. */
  peakBytesInUse = 0;
  peakMemoryBytes = 0;
  private readonly heap: Heap;
  private readonly timer: NodeJS.Timeout;

  constructor(heap: Heap) {
    this.heap = heap;
    this.look();
    this.timer = setInterval(() => {
      this.look();
    }, EVERY_MS);
  }

  end(): void {
    clearInterval(this.timer);
    this.look();
  }

  private look(): void {
    const { HeapInuse, Sys, HeapReleased } = this.heap.readMemStats();
    this.peakBytesInUse = Math.max(this.peakBytesInUse, HeapInuse);
    this.peakMemoryBytes = Math.max(this.peakMemoryBytes, Sys - HeapReleased);
  }
}
