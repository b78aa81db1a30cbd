import { createRegion } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { Clearer } from "./index.ts";

describe.each([true, false])("Clearer over a region with shared: %s", (shared) => {
  const region = createRegion(1 << 20, shared);
  const clearer = new Clearer(region);

  test("clears exactly the bytes it is told, for every multiple of 8 to 256 and some beyond, at any aligned address", () => {
    for (const nbytes of [...Array.from({ length: 32 }, (_, i) => 8 * (i + 1)), 1024, 8192, 32768, 81920]) {
      for (const addr of [8192, 8192 + 8, 8192 + 24]) {
        region.u8.fill(0xff, 0, 8192 + 100_000);
        clearer.clear(addr, nbytes);
        expect(region.u8.subarray(addr, addr + nbytes).every((byte) => byte === 0)).toBe(true);
        expect([region.u8[addr - 1], region.u8[addr + nbytes]], `${nbytes} bytes at ${addr}`).toEqual([0xff, 0xff]);
      }
    }
  });
});

test("Clearer clears above 2 GiB, by the loop and by the kernel", () => {
  const region = createRegion(2 ** 31 + (1 << 20), true);
  const clearer = new Clearer(region);
  for (const nbytes of [64, 4096]) {
    const addr = 2 ** 31 + 8192;
    region.u8.fill(0xff, addr - 8, addr + nbytes + 8);
    clearer.clear(addr, nbytes);
    expect(region.u8.subarray(addr, addr + nbytes).every((byte) => byte === 0)).toBe(true);
    expect([region.u8[addr - 1], region.u8[addr + nbytes]]).toEqual([0xff, 0xff]);
  }
});
