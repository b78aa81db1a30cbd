import { createHeap } from "@mallocgc/runtime";
import { describe, expect, it } from "vitest";
import { MemoryWatch } from "./memory-watch.ts";

describe("a watch on a heap's memory", () => {
  it("has the most that was in use at any of its looks, and never less than is in use at its end", () => {
    const heap = createHeap({ gc: false, maxBytes: 16 << 20 });
    const before = heap.mallocgc(4 << 20);
    const watch = new MemoryWatch(heap);
    heap.free(before);
    heap.mallocgc(1 << 20);
    watch.end();
    expect(watch.peakBytesInUse).toBeGreaterThanOrEqual(4 << 20);
    expect(watch.peakMemoryBytes).toBeGreaterThan(watch.peakBytesInUse);
    const later = new MemoryWatch(heap);
    heap.mallocgc(6 << 20);
    later.end();
    expect(later.peakBytesInUse).toBeGreaterThanOrEqual(7 << 20);
    heap.close();
  });
});
