import { describe, expect, test } from "vitest";
import { ctz32, fillAligned32, findBitRange32, findBitRange64, runStarts32 } from "./bit-runs.ts";
import { Random } from "./testing/page-layout.ts";

const FULL = 0xffffffffffffffffn;
const lo = (x: bigint): number => Number(BigInt.asIntN(32, x));
const hi = (x: bigint): number => Number(BigInt.asIntN(32, x >> 32n));

describe("runs of set bits", () => {
  test("ctz32 counts the zeros below the lowest one", () => {
    for (let i = 0; i < 32; i++) {
      expect(ctz32(1 << i)).toBe(i);
      expect(ctz32(-1 << i)).toBe(i);
    }
    expect(ctz32(0)).toBe(32);
  });

  // Go's TestFindBitRange64; 64 means that there is no such run.
  const cases: [word: bigint, n: number, at: number][] = [
    ...Array.from({ length: 64 }, (_, i): [bigint, number, number] => [FULL, i + 1, 0]),
    ...Array.from({ length: 64 }, (_, i): [bigint, number, number] => [0n, i + 1, 64]),
    [0x8000000000000000n, 1, 63],
    [0xc000010001010000n, 2, 62],
    [0xc000010001030000n, 2, 16],
    [0xe000030001030000n, 3, 61],
    [0xe000030001070000n, 3, 16],
    [0xffff03ff01070000n, 16, 48],
    [0xffff03ff0107ffffn, 16, 0],
    [0x0fff03ff01079fffn, 16, 64],
  ];
  test("the first run of n ones among 64 is where Go finds it, or not at all", () => {
    for (const [word, n, at] of cases) expect(findBitRange64(lo(word), hi(word), n), `${word.toString(16)}, ${n}`).toBe(at);
  });

  test("the first run of n ones is where a walk over the bits finds it, for any words and n", () => {
    const random = new Random(1);
    for (let round = 0; round < 3000; round++) {
      // The OR of two words has longer runs.
      const words = [random.word() | random.word(), random.word() | random.word() | random.word()] as const;
      const bits = words.map((w) => (w >>> 0).toString(2).padStart(32, "0").split("").reverse().join(""));
      const n = 1 + random.next(64);
      const at = bits.join("").indexOf("1".repeat(n));
      expect(findBitRange64(words[0], words[1], n), `${bits.join("")} ${n}`).toBe(at < 0 ? 64 : at);
      if (n > 32) continue;
      const at32 = bits[0]!.indexOf("1".repeat(n));
      expect(findBitRange32(words[0], n)).toBe(at32 < 0 ? 32 : at32);
      for (let i = 0; i < 32; i++) expect((runStarts32(words[0], n) >>> i) & 1).toBe(bits[0]!.startsWith("1".repeat(n), i) ? 1 : 0);
    }
  });
});

describe("fillAligned32", () => {
  const slow = (x: number, m: number): number => {
    let out = 0;
    for (let i = 0; i < 32; i += m) {
      const group = (-1 >>> (32 - m)) << i;
      if ((x & group) !== 0) out |= group;
    }
    return out;
  };
  // Go's TestFillAligned has 64-bit words; groups of up to 32 bits lie in one half or the other.
  const words = [
    0x0000000000000000n, 0x00000000ffffffffn, 0xffffffff00000000n, 0x8000000000000001n, 0xf00000000000000fn, 0xf00000010050000fn,
    0xffffffffffffffffn, 0x0000000000000001n, 0x0000000000000002n, 0x0000000000000008n, 0xb02b9effcf137016n, 0x3975a076a9fbff18n,
    0x0f8c88ec3b81506en, 0x60f14d80ef2fa0e6n,
  ];
  for (let m = 1; m <= 32; m *= 2) {
    test(`a group of ${m} bits with any one set becomes all ones, the others stay zero`, () => {
      const random = new Random(m);
      for (const x of [...words, 1n << BigInt(m - 1), 1n << BigInt(m)].flatMap((w) => [lo(w), hi(w)])) expect(fillAligned32(x, m)).toBe(slow(x, m));
      for (let i = 0; i < 1000; i++) {
        const dense = random.word();
        expect(fillAligned32(dense, m)).toBe(slow(dense, m));
        let sparse = 0;
        for (let at = 0; at < 32; at += m) if (random.next(2) === 0) sparse |= (random.word() & (-1 >>> (32 - m))) << at;
        expect(fillAligned32(sparse, m)).toBe(slow(sparse, m));
      }
    });
  }
});
