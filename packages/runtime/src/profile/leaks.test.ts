import { expect, test } from "vitest";
import { createHeap, type MemProfileRecord } from "../index.ts";
import { leaksBetween } from "./leaks.ts";

test("what grew between two profiles of a heap is found, by stack, the largest first; what was freed since is left out", () => {
  const heap = createHeap({ gc: false, maxBytes: 16 << 20, memProfileRate: 1 });
  const site = {
    steady: () => heap.mallocgc(64),
    small: (n: number) => Array.from({ length: n }, () => heap.mallocgc(32)),
    large: (n: number) => Array.from({ length: n }, () => heap.mallocgc(40_000)),
  };
  const first = site.steady();
  site.small(10);
  const since = heap.debug.memProfile();
  heap.free(first);
  site.steady();
  for (const addr of site.small(100).slice(0, 20)) heap.free(addr);
  site.large(3);
  const leaks = heap.debug.leaks({ since });
  const named = leaks.map(({ stack, bytes, objects }) => [stack.map((frame) => frame.functionName).find((name) => /large|small|steady/.test(name)), bytes, objects]);
  // The steady site frees one and allocates one, from two places.
  const grown = named.filter(([name]) => !String(name).includes("steady")).map(([name, ...figures]) => [String(name).split(".").at(-1), ...figures]);
  expect(grown).toEqual([["large", 3 * 40_960, 3], ["small", 80 * 32, 80]]);
  expect(heap.debug.leaks().reduce((n, { bytes }) => n + bytes, 0), "without a profile of before: all that is in use").toBe(heap.readMemStats().HeapAlloc);
  heap.close();
});

test("samples are scaled up, sizes and threads of one stack added", () => {
  const stack = [{ functionName: "f", fileName: "a.ts", line: 1, column: 1 }];
  const record = (size: number, objects: number, thread: string): MemProfileRecord => ({ stack, allocObjects: objects, allocBytes: size * objects, freeObjects: 0, freeBytes: 0, thread });
  const leaks = leaksBetween({ rate: 524_288, timeMs: 0, records: [record(1024, 4, "main"), record(524_288, 1, "worker 1")] });
  expect(leaks).toHaveLength(1);
  // Go's figures: (4, 4096) is 2050 objects, 2099200 bytes; (1, 524288) is 1 object, 829411 bytes.
  expect(Math.trunc(leaks[0]!.bytes)).toBeGreaterThanOrEqual(2_099_200 + 829_411);
  expect(leaks[0]!.bytes).toBeLessThan(2_099_200 + 829_411 + 2000);
});
