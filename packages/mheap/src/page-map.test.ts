import { MSpan, SPAN_DEAD } from "@mallocgc/mspan";
import { PAGE_SIZE } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { newTestHeap } from "./testing/test-heap.ts";

const config = { maxBytes: 8 << 20, chunkPages: 64 } as const;

describe("the page map", () => {
  test("what is no byte address of the region has no span", () => {
    const heap = newTestHeap(config);
    const s = heap.alloc(4, 1);
    const base: number = heap.spans.base(s);
    const wild = [
      0, -1, -base, base + 0.5, base - 2 ** 32, base + 2 ** 32, NaN, Infinity, -Infinity, 2 ** 53, config.maxBytes, config.maxBytes - 1, 2 ** 32 - 1, 8, base - 1,
      base + 4 * PAGE_SIZE, ...["x", null, undefined, {}, String(base), true].map((x) => x as number),
    ];
    for (const addr of wild) expect(heap.spanOf(addr), String(addr)).toBe(0);
    expect(heap.spanOf(base)).toBe(s);
  });

  test("a record that is dead, or that covers other pages by now, is not returned", () => {
    const heap = newTestHeap(config);
    const s = heap.alloc(4, 1);
    const other = heap.alloc(4, 1);
    const base = heap.spans.base(s);
    const { mem } = heap;
    // An entry on its way out, as a racing thread may see it: still there, but the record is dead...
    mem[s + MSpan.offset.state] = SPAN_DEAD;
    expect(heap.spanOf(base)).toBe(0);
    // ...or already describes other pages.
    mem[heap.pageMap.at + base / PAGE_SIZE] = other;
    expect(heap.spanOf(base)).toBe(0);
  });
});
