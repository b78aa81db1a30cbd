import { describe, expect, test } from "vitest";
import { bulkKernel } from "./kernel.ts";
import { createRegion } from "./region.ts";

describe.each([true, false])("the bulk kernel over a region with shared: %s", (shared) => {
  test("clear sets exactly the bytes that it is given to zero", () => {
    const region = createRegion(1 << 20, shared);
    region.u8.fill(0xab);
    bulkKernel(region).clear(4096, 1000);
    expect(region.u8.subarray(4096, 5096).every((byte) => byte === 0)).toBe(true);
    expect([region.u8[4095], region.u8[5096]]).toEqual([0xab, 0xab]);
  });

  test("clear beyond the region's end traps and changes nothing", () => {
    const region = createRegion(65536, shared);
    region.u8[65535] = 7;
    expect(() => { bulkKernel(region).clear(65530, 100); }).toThrow(WebAssembly.RuntimeError);
    expect(region.u8[65535]).toBe(7);
  });

  test("each region gets its own instance", () => {
    const one = createRegion(65536, shared);
    const two = createRegion(65536, shared);
    one.u8[100] = 1;
    two.u8[100] = 2;
    bulkKernel(one).clear(100, 1);
    expect([one.u8[100], two.u8[100]]).toEqual([0, 2]);
  });
});
