import { expect, test } from "vitest";
import { firstDamage, stamp } from "./stamp.ts";

function views(): { i32: Int32Array; u8: Uint8Array } {
  const buffer = new ArrayBuffer(64);
  return { i32: new Int32Array(buffer), u8: new Uint8Array(buffer) };
}

test("a stamp fills just the bytes of its block", () => {
  for (let addr = 8; addr < 16; addr++) {
    for (let n = 1; n <= 40; n++) {
      const v = views();
      stamp(v, addr, n, -1);
      expect([...v.u8].every((byte, i) => byte === (i >= addr && i < addr + n ? 255 : 0))).toBe(true);
      expect(firstDamage(v, addr, n, -1)).toBe(-1);
    }
  }
});

test("a change of any one byte is found, at its word or byte", () => {
  for (let addr = 8; addr < 12; addr++) {
    for (let n = 1; n <= 19; n++) {
      for (let i = 0; i < n; i++) {
        const v = views();
        stamp(v, addr, n, 0x12345678);
        v.u8[addr + i]! ^= 1;
        const found = firstDamage(v, addr, n, 0x12345678);
        expect(found >= 0 && found <= i && i - found < 4).toBe(true);
      }
    }
  }
});

test("zeros are a stamp: what was not cleared is found", () => {
  const v = views();
  expect(firstDamage(v, 16, 24, 0)).toBe(-1);
  v.u8[30] = 1;
  expect(firstDamage(v, 16, 24, 0)).toBe(12);
});
