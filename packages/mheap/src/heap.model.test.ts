import type { SpanPtr } from "@mallocgc/mspan";
import { PAGE_SIZE, createRegion } from "@mallocgc/sysmem";
import fc from "fast-check";
import { describe, test } from "vitest";
import type { Heap, HeapConfig } from "./index.ts";
import { allCaches, openTestHeap } from "./testing/test-heap.ts";

/** What is done: by which P, and to which of the live spans (counted modulo their number). */
type Operation =
  | { readonly op: "alloc"; readonly p: number; readonly npages: number }
  | { readonly op: "free"; readonly p: number; readonly which: number }
  | { readonly op: "flush"; readonly p: number }
  | { readonly op: "scavenge"; readonly p: number };

const processors = fc.integer({ min: 0, max: 2 });
const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ op: fc.constant("alloc" as const), p: processors, npages: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 300 })) }) },
    { weight: 5, arbitrary: fc.record({ op: fc.constant("free" as const), p: processors, which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("flush" as const), p: processors }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("scavenge" as const), p: processors }) },
  ),
  { maxLength: 120, size: "max" },
);

/** Runs the operations on three Ps of one heap, and says what is wrong with the answers; nothing, it is hoped. */
function run(config: HeapConfig, list: readonly Operation[]): string[] {
  const region = createRegion(config.maxBytes, true);
  const heaps = [0, 1, 2].map((id) => openTestHeap(region, config, id));
  heaps[0]!.init();
  const os = {
    pageSize: 4096,
    release: (offset: number, length: number): number => {
      region.i32.fill(0, offset / 4, (offset + length) / 4);
      return length;
    },
  };
  const owner = new Map<number, SpanPtr>();
  const live: SpanPtr[] = [];
  const wrong: string[] = [];
  const pagesOf = (s: SpanPtr): number[] => Array.from({ length: heaps[0]!.spans.npages(s) }, (_, i) => heaps[0]!.spans.base(s) / PAGE_SIZE + i);
  const apply: { [K in Operation["op"]]: (heap: Heap, operation: Extract<Operation, { op: K }>) => void } = {
    alloc: (heap, { npages }) => {
      const s = heap.alloc(npages, 1);
      if (s === 0) return;
      if (heap.spans.npages(s) !== npages) wrong.push(`asked for ${npages} pages, got ${heap.spans.npages(s)}`);
      for (const page of pagesOf(s)) {
        if (owner.has(page)) wrong.push(`page ${page} was given twice`);
        owner.set(page, s);
      }
      live.push(s);
    },
    free: (heap, { which }) => {
      const s = live.splice(which % live.length, 1)[0];
      if (s === undefined) return;
      for (const page of pagesOf(s)) owner.delete(page);
      heap.free(s);
    },
    flush: (heap) => {
      heap.flush();
    },
    scavenge: (heap) => {
      heap.scavengeAll(os);
    },
  };
  for (const operation of list) apply[operation.op](heaps[operation.p]!, operation as never);
  const heap = heaps[0]!;
  for (let page = 0; page < heap.pageMap.npages; page++) {
    if (heap.spanOf(page * PAGE_SIZE + 100) !== (owner.get(page) ?? 0)) wrong.push(`page ${page} leads to ${heap.spanOf(page * PAGE_SIZE + 100)}, not ${owner.get(page) ?? 0}`);
  }
  if (heap.figures(allCaches(config)).inUse !== owner.size) wrong.push(`${heap.figures(allCaches(config)).inUse} pages in use, not ${owner.size}`);
  wrong.push(...heap.verifyPages(allCaches(config)).map((broken) => JSON.stringify(broken)));
  return wrong;
}

describe("the page heap and a map from page to span", () => {
  for (const config of [
    { maxBytes: 16 << 20, chunkPages: 512 },
    { maxBytes: 4 << 20, chunkPages: 64 },
  ] as const) {
    test(`agree after any sequence of operations by three Ps, chunks of ${config.chunkPages} pages`, () => {
      fc.assert(
        fc.property(operations, (list) => {
          const wrong = run(config, list);
          if (wrong.length > 0) throw new Error(wrong.slice(0, 5).join("\n"));
        }),
        { numRuns: 150 },
      );
    });
  }
});
