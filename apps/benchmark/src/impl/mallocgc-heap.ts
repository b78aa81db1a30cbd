/** The collected heap that a program of ours runs in: of the size and with the background threads that the case gives it, all at work. */
import { setTimeout } from "node:timers/promises";
import { attachHeap, createHeap, type Heap, type HeapHandle, type HeapOptions } from "@mallocgc/runtime";

/** Background threads load their modules, as any worker does; that is no part of a measurement. */
const STARTED_WITHIN_MS = 10_000;

export async function openHeap({ heapBytes, markers }: { readonly heapBytes: number; readonly markers: number }, options: HeapOptions = {}): Promise<Heap> {
  const heap = createHeap({ maxBytes: heapBytes, gcWorkers: markers, ...options });
  const until = performance.now() + STARTED_WITHIN_MS;
  while (heap.gcStats().workers < markers) {
    if (performance.now() > until) throw new Error(`of ${markers} background threads, ${heap.gcStats().workers} have started`);
    await setTimeout(5);
  }
  return heap;
}

export function attach(handle: unknown): Heap {
  return attachHeap(handle as HeapHandle);
}
