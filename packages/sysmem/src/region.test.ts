import { afterEach, describe, expect, test, vi } from "vitest";
import { runInNewContext } from "node:vm";
import { MAX_REGION_BYTES, WASM_PAGE_SIZE, addrOf, alignUp, canShareMemory, createRegion, openRegion, ptrOf } from "./index.ts";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("Region", () => {
  test("every view spans the whole region and sees the same bytes", () => {
    for (const shared of [true, false]) {
      const region = createRegion(100_000, shared);
      expect(region.shared).toBe(shared);
      expect(region.byteLength).toBe(2 * WASM_PAGE_SIZE);
      expect([region.i32, region.u8, region.u16, region.f64].map((view) => [view.byteOffset, view.byteLength])).toEqual(Array(4).fill([0, region.byteLength]));
      region.i32[1] = 0x04030201;
      expect(Array.from(region.u8.subarray(4, 8))).toEqual([1, 2, 3, 4]);
      expect(() => (region.memory as WebAssembly.Memory).grow(1), "it never grows").toThrow();
    }
  });

  test("a region of 4 GiB is reserved, and its last word can be used", () => {
    const region = createRegion(MAX_REGION_BYTES, true);
    const last = ptrOf(MAX_REGION_BYTES - 4);
    region.i32[last] = 42;
    expect(region.u8[addrOf(last)]).toBe(42);
    expect(addrOf(last)).toBe(MAX_REGION_BYTES - 4);
  });

  test("two openings of one memory see each other's writes", () => {
    const a = createRegion(1, true);
    const b = openRegion(a.memory);
    Atomics.store(a.i32, 9, 7);
    expect(b.i32[9]).toBe(7);
    expect(b.shared).toBe(true);
  });

  test("a memory from another realm is a memory", () => {
    const memory: unknown = runInNewContext("new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })");
    expect(memory).not.toBeInstanceOf(WebAssembly.Memory);
    expect(openRegion(memory).shared).toBe(true);
  });

  test("sizes that are no such thing are refused", () => {
    for (const bytes of [0, -1, 1.5, NaN, Infinity, MAX_REGION_BYTES + 1, "1", undefined]) {
      expect(() => createRegion(bytes as number, true), String(bytes)).toThrow(expect.objectContaining({ code: "ERR_REGION_SIZE" }));
    }
  });

  test("what is no memory, or an empty one, is not opened", () => {
    for (const memory of [undefined, null, 1, {}, new SharedArrayBuffer(8), new WebAssembly.Memory({ initial: 0 })]) {
      expect(() => openRegion(memory)).toThrow(expect.objectContaining({ code: "ERR_REGION_MEMORY" }));
    }
  });

  test("address space that the OS refuses is an error that says so", () => {
    vi.spyOn(WebAssembly, "Memory").mockImplementation(function () {
      throw new RangeError("WebAssembly.Memory(): could not allocate memory");
    });
    expect(() => createRegion(65536, true)).toThrow(expect.objectContaining({ code: "ERR_REGION_RESERVE", cause: expect.any(RangeError) as unknown }));
  });

  test("a page without cross-origin isolation shares nothing, and says how to", () => {
    vi.stubGlobal("crossOriginIsolated", false);
    expect(canShareMemory()).toBe(false);
    expect(() => createRegion(65536, true)).toThrow(/COOP: same-origin/);
    expect(createRegion(65536, false).shared).toBe(false);
    vi.stubGlobal("crossOriginIsolated", true);
    expect(canShareMemory()).toBe(true);
  });
});

describe("addresses", () => {
  test("a word index and its address lead to each other over all 4 GiB", () => {
    for (const addr of [0, 4, 8192, 2 ** 31 - 4, 2 ** 31, MAX_REGION_BYTES - 4]) {
      expect(addrOf(ptrOf(addr))).toBe(addr);
      expect(ptrOf(addr)).toBe(addr / 4);
    }
  });

  test("alignUp gives the least multiple that is not less, beyond 2^32 too", () => {
    for (const n of [0, 1, 4095, 4096, 4097, 2 ** 31 + 1, 2 ** 32 - 1, 2 ** 40 + 1]) {
      for (const align of [1, 4, 4096]) {
        const up = alignUp(n, align);
        expect(up % align).toBe(0);
        expect(up - n).toBeGreaterThanOrEqual(0);
        expect(up - n).toBeLessThan(align);
      }
    }
  });
});
