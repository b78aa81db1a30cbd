import { loadScavenger } from "@mallocgc/go-oracle";
import { expect, test } from "vitest";
import { formatScavTrace, type ScavTraceFigures } from "./scavtrace.ts";

const LINE = /^scav (\d+) KiB work \(bg\), (\d+) KiB work \(eager\), (\d+) KiB now, (\d+)% util( \(forced\))?( \[controller reset\])?$/;

/** Figures that the line could be of. */
function figuresOf(line: string): ScavTraceFigures {
  const m = LINE.exec(line);
  if (m === null) throw new Error(`not a line of scavtrace: ${line}`);
  const bytes = (i: number): number => Number(m[i]) * 1024 + 1023;
  return {
    releasedBg: bytes(1), releasedEager: bytes(2), heapReleased: bytes(3), heapInUse: Number(m[4]) * 1000 + 999, heapRetained: 100_000,
    forced: m[5] !== undefined, controllerReset: m[6] !== undefined,
  };
}

test("each line that Go printed comes out of its figures again, character by character", () => {
  const { scavtrace } = loadScavenger();
  expect(scavtrace.length).toBeGreaterThan(20);
  expect(scavtrace.some((line) => line.endsWith("(forced)"))).toBe(true);
  for (const line of scavtrace) expect(formatScavTrace(figuresOf(line))).toBe(line);
});

test("a line says that the controller failed, unless it is a forced one, and 0 % of nothing", () => {
  const f: ScavTraceFigures = { releasedBg: 2048, releasedEager: 0, heapReleased: 4096, heapInUse: 0, heapRetained: 0, forced: false, controllerReset: true };
  expect(formatScavTrace(f)).toBe("scav 2 KiB work (bg), 0 KiB work (eager), 4 KiB now, 0% util [controller reset]");
  expect(formatScavTrace({ ...f, forced: true })).toBe("scav 2 KiB work (bg), 0 KiB work (eager), 4 KiB now, 0% util (forced)");
});
