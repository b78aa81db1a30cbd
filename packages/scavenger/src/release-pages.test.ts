import { runInNewContext } from "node:vm";
import { openLibc } from "@mallocgc/sysmem";
import { afterEach, describe, expect, test, vi } from "vitest";
import { releaseFailures, releasePages, residentBytes, type PagedMemory } from "./release-pages.ts";

const MIB = 1 << 20;
const libc = openLibc();
if (libc === undefined) console.log("release-pages: no way to release pages here; only that nothing is claimed is tested");

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

const KINDS: readonly (readonly [kind: string, make: () => ArrayBufferLike | WebAssembly.Memory])[] = [
  ["an ArrayBuffer", () => new ArrayBuffer(8 * MIB)],
  ["a SharedArrayBuffer", () => new SharedArrayBuffer(8 * MIB)],
  ["a growable SharedArrayBuffer", () => new SharedArrayBuffer(8 * MIB, { maxByteLength: 16 * MIB })],
  ["a resizable ArrayBuffer", () => new ArrayBuffer(8 * MIB, { maxByteLength: 16 * MIB })],
  ["a WebAssembly.Memory", () => new WebAssembly.Memory({ initial: 128, maximum: 128 })],
  ["a shared WebAssembly.Memory", () => new WebAssembly.Memory({ initial: 128, maximum: 128, shared: true })],
];
const bufferOf = (memory: ArrayBufferLike | WebAssembly.Memory): ArrayBufferLike => ("buffer" in memory ? memory.buffer : memory);

describe.runIf(libc !== undefined)("on Linux", () => {
  const page = libc?.pageSize ?? 4096;

  for (const [kind, make] of KINDS) {
    test(`${kind}: pages wholly inside the range go and read as zero, by absolute address; all else stays`, () => {
      const memory = make();
      const buffer = bufferOf(memory);
      const bytes = new Uint8Array(buffer, 0, 8 * MIB);
      const misaligned = libc!.addressOf(buffer) % page;
      const fold = (offset: number): number => (offset + misaligned) % page;
      for (const [from, to] of [[0, 8 * MIB], [1, 8 * MIB - 1], [page, 3 * page], [page - misaligned, 2 * page - misaligned], [page - misaligned + 1, 3 * page - misaligned - 1], [5, 6], [100, 100]] as const) {
        bytes.fill(7);
        expect(residentBytes(memory)).toBe(8 * MIB);
        const first = fold(from) === 0 ? from : from + page - fold(from);
        const last = to - fold(to);
        const whole = Math.max(0, last - first);
        expect(releasePages(memory, from, to - from), `${from}..${to}`).toBe(whole);
        expect(residentBytes(memory), "what was released is not resident, to the byte").toBe(8 * MIB - whole);
        for (const at of [0, from - 1, from, first - 1, first, last - 1, last, to - 1, to, 8 * MIB - 1]) {
          if (at < 0 || at >= 8 * MIB) continue;
          expect(bytes[at], `byte ${at} after ${from}..${to}`).toBe(whole > 0 && at >= first && at < last ? 0 : 7);
        }
      }
      expect(releaseFailures()).toBe(0);
    });
  }

  test("a fixed SharedArrayBuffer begins inside a page, so its first part page stays", () => {
    const buffer = new SharedArrayBuffer(MIB);
    const misaligned = libc!.addressOf(buffer) % page;
    expect(misaligned).toBeGreaterThan(0);
    const bytes = new Uint8Array(buffer).fill(3);
    expect(releasePages(buffer, 0, page)).toBe(0);
    expect(bytes[0]).toBe(3);
    expect(releasePages(buffer, 0, 2 * page)).toBe(page);
    expect([bytes[0], bytes[page - misaligned - 1], bytes[page - misaligned], bytes[2 * page - misaligned - 1], bytes[2 * page - misaligned]]).toEqual([3, 3, 0, 0, 3]);
  });

  test("resident bytes of a range are counted to the byte, and add up", () => {
    const memory = new WebAssembly.Memory({ initial: 128, maximum: 128 });
    new Uint8Array(memory.buffer)[5 * page] = 1;
    releasePages(memory, 0, 5 * page);
    releasePages(memory, 6 * page, 8 * MIB - 6 * page);
    expect(residentBytes(memory)).toBe(page);
    expect(residentBytes(memory, 5 * page + 10)).toBe(page - 10);
    expect(residentBytes(memory, 5 * page - 10, 20)).toBe(10);
    expect(residentBytes(memory, 6 * page - 1, 2)).toBe(1);
    expect(residentBytes(memory, 5 * page + 1, 7)).toBe(7);
    expect(residentBytes(memory, 5 * page, 0)).toBe(0);
    expect(residentBytes(new ArrayBuffer(0))).toBe(0);
  });

  test("a call that the OS refuses is counted, not thrown, and claims nothing", () => {
    const before = releaseFailures();
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const { addressOf } = libc!;
    // Beyond the address space of any process.
    Object.assign(libc!, { addressOf: () => 2 ** 52 });
    try {
      expect(releasePages(memory, 0, 65536)).toBe(0);
      expect(residentBytes(memory)).toBe(-1);
    } finally {
      Object.assign(libc!, { addressOf });
    }
    expect(releaseFailures()).toBe(before + 2);
  });

  test("a buffer of another realm is one too", () => {
    const buffer = runInNewContext("new ArrayBuffer(1 << 20)") as ArrayBuffer;
    expect(releasePages(buffer, 0, MIB)).toBeGreaterThanOrEqual(MIB - 2 * page);
  });
});

test("without a way to release, nothing is released and nothing is known; bad input is refused all the same", async () => {
  vi.resetModules();
  vi.stubGlobal("process", undefined);
  const fresh = await import("./release-pages.ts");
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 16 });
  const bytes = new Uint8Array(memory.buffer).fill(5);
  expect([fresh.releasePages(memory, 0, MIB), fresh.residentBytes(memory), fresh.releaseFailures()]).toEqual([0, -1, 0]);
  vi.unstubAllGlobals();
  expect(bytes.every((byte) => byte === 5)).toBe(true);
  expectRefused(fresh);
});

test("what has no pages, and ranges that are not inside, are refused", () => {
  expectRefused({ releasePages, residentBytes });
});

function expectRefused(api: { releasePages: typeof releasePages; residentBytes: typeof residentBytes }): void {
  const throwing = (code: string): unknown => expect.objectContaining({ name: "ScavengeError", code });
  const detached = new ArrayBuffer(64);
  structuredClone(detached, { transfer: [detached] });
  for (const wrong of [undefined, null, 7, "text", {}, { buffer: 3 }, new Uint8Array(8), Buffer.alloc(8), new DataView(new ArrayBuffer(8)), detached] as unknown as PagedMemory[]) {
    expect(() => api.releasePages(wrong, 0, 0)).toThrow(throwing("ERR_SCAVENGE_BUFFER"));
    expect(() => api.residentBytes(wrong)).toThrow(throwing("ERR_SCAVENGE_BUFFER"));
  }
  const buffer = new ArrayBuffer(MIB);
  for (const [at, length] of [[-1, 1], [0, -1], [0, MIB + 1], [MIB, 1], [0.5, 1], [0, 1.5], [NaN, 1], [0, Infinity], ["0", 1]] as [number, number][]) {
    expect(() => api.releasePages(buffer, at, length), `${at}, ${length}`).toThrow(throwing("ERR_SCAVENGE_RANGE"));
    expect(() => api.residentBytes(buffer, at, length)).toThrow(throwing("ERR_SCAVENGE_RANGE"));
  }
  expect(() => api.residentBytes(buffer, MIB + 1)).toThrow(throwing("ERR_SCAVENGE_RANGE"));
}
