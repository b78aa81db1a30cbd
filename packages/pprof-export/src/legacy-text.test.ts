import { expect, test } from "vitest";
import { legacyText } from "./legacy-text.ts";
import { BUILD, MAIN, POSTING, frame, goldenProfile, record } from "./testing/profiles.ts";

test("the text is Go's: twice the rate, raw figures, least in use first, a comment for each call", () => {
  const text = legacyText(goldenProfile());
  const [header, ...rest] = text.split("\n");
  expect(header).toBe("heap profile: 4: 527360 [6: 1052672] @ heap/1048576");
  expect(rest.filter((line) => line.includes("@")).map((line) => line.split(" @")[0])).toEqual(["0: 0 [1: 524288]", "3: 3072 [4: 4096]", "1: 524288 [1: 524288]"]);
  expect(rest.filter((line) => line.startsWith("#")).map((line) => line.split("\t").filter(Boolean).at(-1))).toEqual([
    "/app/src/index.ts:12", "/app/src/main.ts:3",
    "/app/src/index.ts:40", "/app/src/index.ts:12", "/app/src/main.ts:3",
    "/app/src/main.ts:3",
  ]);
});

test("a call has one address in every profile; other functions, lines and columns have others", () => {
  const addresses = (stack: Parameters<typeof record>[0]): string[] => /@ (.*)\n/.exec(legacyText({ records: [record(stack, 2, 16, 1, 8)], rate: 1, timeMs: 1 }).split("\n")[1]! + "\n")![1]!.split(" ");
  const stack = [POSTING, BUILD, MAIN, frame("addPosting", 41, 11), frame("addPosting", 40, 12), { ...POSTING, fileName: "other.ts" }];
  const first = addresses(stack);
  expect(new Set(first).size).toBe(stack.length);
  expect(addresses(stack.toReversed())).toEqual(first.toReversed());
  for (const address of first) {
    expect(address).toMatch(/^0x[0-9a-f]+$/);
    expect(Number(address)).toBeLessThan(2 ** 53);
  }
});

test("the comment has the call's address, one below the return address, and columns at tab stops", () => {
  const lines = legacyText({ records: [record([POSTING, MAIN], 2, 16, 1, 8)], rate: 1, timeMs: 1 }).split("\n");
  const returns = lines[1]!.split("@ ")[1]!.split(" ").map(Number);
  const comments = lines.slice(2, 4);
  expect(comments.map((line) => Number(line.split("\t")[1]))).toEqual(returns.map((address) => address - 1));
  const column = (line: string): number => line.slice(0, line.indexOf("/app")).split("\t").slice(0, -1).reduce((at, cell) => (Math.floor((at + cell.length) / 8) + 1) * 8, 0);
  expect(new Set(comments.map(column)).size).toBe(1);
  expect(comments[0]).toMatch(/^#\t0x[0-9a-f]+\t+addPosting\+0x[0-9a-f]+\t+\/app\/src\/index\.ts:40$/);
});

test("when all is in use the header says one byte more was allocated, or pprof would see two columns", () => {
  expect(legacyText({ records: [record([MAIN], 2, 16)], rate: 512, timeMs: 1 })).toMatch(/^heap profile: 2: 16 \[2: 17\] @ heap\/1024\n2: 16 \[2: 16\] @/);
});

test("a name cannot break a line", () => {
  const lines = legacyText({ records: [record([frame("evil\n9: 9 [9: 9] @ 0x1", 1, 1, "a\tb\r\nc")], 1, 8)], rate: 1, timeMs: 1 }).split("\n");
  expect(lines.filter((line) => /^\d/.test(line))).toHaveLength(1);
  expect(lines[2]).toContain("\ta b c:1");
});

test("the figures that the source has follow, with Go's names and formats", () => {
  const text = legacyText({ records: [], rate: 1, timeMs: 1 }, { Alloc: 10, HeapSys: 20, MSpanInuse: 3, MSpanSys: 4, StackInuse: 1, GCCPUFraction: 0.0000123, NumGC: 2 });
  expect(text).toBe("heap profile: 0: 0 [0: 1] @ heap/2\n\n# runtime.MemStats\n# Alloc = 10\n# HeapSys = 20\n# MSpan = 3 / 4\n# NumGC = 2\n# GCCPUFraction = 1.23e-05\n");
});
