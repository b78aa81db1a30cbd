import { afterEach, describe, expect, test, vi } from "vitest";
import { createHeap } from "./index.ts";

/** Calls of any function of Atomics while `f` runs. */
function atomicsCalls(f: () => void): number {
  const names = Object.getOwnPropertyNames(Atomics).filter((name) => typeof Atomics[name as "load"] === "function");
  const spies = names.map((name) => vi.spyOn(Atomics, name as "load"));
  f();
  return spies.reduce((n, spy) => n + spy.mock.calls.length, 0);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("mallocgc within a cached span", () => {
  for (const [what, size, options] of [
    ["16 bytes", 16, {}],
    ["64 bytes", 64, {}],
    ["1000 bytes, reused and cleared", 1000, {}],
    ["64 bytes not zeroed", 64, { zeroed: false }],
    ["64 bytes with pointers", 64, { noscan: false }],
    ["200 bytes with pointers, behind a type header", 200, { noscan: false }],
  ] as const) {
    test(`makes no call to Atomics: ${what}`, () => {
      const heap = createHeap({ gc: false, maxBytes: 16 << 20 });
      const first = heap.mallocgc(size, options);
      heap.free(first);
      heap.flush();
      expect(atomicsCalls(() => heap.mallocgc(size, options)), "taking a span does").toBeGreaterThan(0);
      vi.restoreAllMocks();
      expect(atomicsCalls(() => { for (let i = 0; i < 6; i++) heap.mallocgc(size, options); })).toBe(0);
    });
  }

  test("makes no call to Atomics: tiny objects, as long as their block has room", () => {
    const heap = createHeap({ gc: false, maxBytes: 16 << 20 });
    heap.mallocgc(1);
    expect(atomicsCalls(() => { for (let i = 0; i < 14; i++) heap.mallocgc(1); })).toBe(0);
  });
});
