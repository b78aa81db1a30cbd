import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunReport } from "./report/report.ts";

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "mallocgc-demo-"));
  mkdirSync(join(dir, "text"));
  for (let i = 0; i < 120; i++) {
    const words = Array.from({ length: 400 }, (_, w) => `word${(i * 31 + w * w) % 3000}`);
    writeFileSync(join(dir, "text", `${i}.txt`), `The file of number ${i}. ${words.join(" ")} ${"needle ".repeat(i % 7)}`);
  }
  writeFileSync(join(dir, "text", "picture.bin"), Buffer.from([1, 2, 0, 3]));
});

afterAll(() => {
  rmSync(dir, { recursive: true });
});

function demo(args: string[], input = ""): { code: number | null; out: string; err: string } {
  const main = join(import.meta.dirname, "main.ts");
  const done = spawnSync(process.execPath, ["--conditions=dev", main, ...args], { input, encoding: "utf8", timeout: 60_000 });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

/** From the start to the end of the run, in order; each sample a possible one. */
function expectMemorySeries({ memorySeries, bytesInUse, heapReleased, rssAfter, rssPeak }: RunReport): void {
  expect(memorySeries.length).toBeGreaterThan(3);
  let before = -1;
  for (const { seconds, heapInuse, heapIdle, heapReleased, rss } of memorySeries) {
    expect(seconds).toBeGreaterThan(before);
    expect(heapInuse).toBeGreaterThanOrEqual(0);
    expect(heapReleased).toBeLessThanOrEqual(heapIdle);
    expect(rss).toBeGreaterThan(10 << 20);
    before = seconds;
  }
  expect(memorySeries[0]!.seconds).toBeLessThan(1);
  expect(memorySeries.at(-1)).toMatchObject({ heapInuse: 0, heapReleased, rss: rssAfter });
  expect(Math.max(...memorySeries.map((s) => s.heapInuse))).toBeGreaterThan(0.9 * bytesInUse);
  expect(rssPeak).toBeLessThanOrEqual(Math.max(...memorySeries.map((s) => s.rss)));
}

describe("the command", () => {
  it("does everything without a terminal, checks its answers, and writes the report", () => {
    const json = join(dir, "report.json");
    const sizes = join(dir, "sizes.json");
    const { code, out, err } = demo([
      "--", join(dir, "text"), "--workers", "2", "--max-bytes", "64MiB", "--once",
      "--query", "Needle", "--query", "word7", "--query", "absent", "--json", json, "--record-sizes", sizes, "--watch", "5",
    ]); // prettier-ignore
    expect(code, err + out).toBe(0);
    expect(out).toContain("needle: in 102 files, 357 times");
    expect(out).toContain("absent: in no file");

    const report = JSON.parse(readFileSync(json, "utf8")) as RunReport;
    expect(report).toMatchObject({ files: 120, skippedFiles: 1, workers: 2, maxBytes: 64 << 20, verifyErrors: 0, objectsAfter: 0, rounds: 1, wrongAnswers: 0, gcCheckMark: true });
    expect(report.queries.map((q) => [q.term, q.files, q.occurrences, q.correct])).toEqual([
      ["needle", 102, 357, true],
      ["word7", expect.any(Number), expect.any(Number), true],
      ["absent", 0, 0, true],
    ]);
    expect(new Set(report.queries.map((q) => q.worker))).toEqual(new Set([1, 2]));
    // What was asked for is alive or was collected.
    expect(report.objects + report.frees).toBe(report.mallocs);
    expect(report.objectsCollected).toBe(report.objects);
    expect(report.answers).toBeGreaterThanOrEqual(120);
    expect(out).toContain("between files, each right");
    expect(report.sizeClasses.reduce((sum, c) => sum + c.objects, 0)).toBeGreaterThan(0);
    expect(report.sizeClasses.reduce((sum, c) => sum + c.bytes, 0)).toBe(report.bytesInUse);
    expect(report.fragmentation.askedBytes).toBeLessThanOrEqual(report.fragmentation.slotBytes);
    expect(report.fragmentation.slotBytes).toBeLessThanOrEqual(report.fragmentation.spanBytes);
    expect(report.rssPeak).toBeGreaterThanOrEqual(report.rssBefore);
    expectMemorySeries(report);
    expect(out).toContain("Memory over time\n");
    if (report.osBackend === "none") {
      expect(report.background).toMatchObject({ seconds: 0, bytesReturned: 0 });
      expect(out).toContain("install koffi");
    } else {
      // The background alone gives back what the index had, or all but what freeOSMemory then finds.
      expect(report.background.seconds).toBeGreaterThan(0);
      expect(report.background.bytesReturned).toBeGreaterThan(0);
      expect(report.heapReleased).toBe(report.memorySeries.at(-1)!.heapIdle);
      expect(out).toMatch(/seconds {5}HeapInuse {6}HeapIdle {2}HeapReleased {11}RSS\n( +[\d.]+ {2}.* [KM]?i?B\n)+/);
    }

    const pairs = JSON.parse(readFileSync(sizes, "utf8")) as [number, number][];
    expect(pairs.reduce((sum, [, count]) => sum + count, 0)).toBe(report.mallocs);
  });

  it("indexes everything again while it answers, and tells of each round and each collection", () => {
    const json = join(dir, "rounds.json");
    const { code, out, err } = demo([join(dir, "text"), "--workers", "2", "--max-bytes", "64MiB", "--once", "--rounds", "4", "--query", "needle", "--json", json, "--watch", "0"]);
    expect(code, err + out).toBe(0);
    const report = JSON.parse(readFileSync(json, "utf8")) as RunReport;
    expect(report).toMatchObject({ rounds: 4, files: 120, wrongAnswers: 0, wrongFindings: [], verifyErrors: 0, objectsAfter: 0 });
    expect(report.queries).toMatchObject([{ files: 102, occurrences: 357, correct: true }]);
    expect(report.perRound.map((r) => [r.round, r.wrongAnswers])).toEqual([[1, 0], [2, 0], [3, 0], [4, 0]]); // prettier-ignore
    // Each file, and each worker once more from the old index.
    for (const r of report.perRound) expect(r.answers).toBeGreaterThanOrEqual(r.round === 1 ? 120 : 122);
    expect(report.cycles).toBeGreaterThanOrEqual(4);
    expect(report.perCycle).toHaveLength(report.cycles);
    for (const { cycle, trace } of report.perCycle) {
      expect(trace).toMatch(new RegExp(`^gc ${cycle} @`));
      expect(out).toContain(trace);
    }
    expect(report.maxStallUs).toBeGreaterThanOrEqual(Math.max(...report.perCycle.map((c) => c.maxStallUs)));
    expect(report.memory.peakMemoryBytes).toBeGreaterThan(report.memory.liveBytes);
    expect(report.objectsCollected).toBe(report.objects);
  });

  it("goes on when it cannot listen, and says where it could", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const { code, out, err } = demo([join(dir, "text"), "--workers", "1", "--query", "needle", "--watch", "0", "--listen", String(port)]);
    taken.close();
    expect(code, err).toBe(0);
    expect(out).toContain("needle: in 102 files");
    expect(err).toMatch(new RegExp(`Nothing is served: 127\\.0\\.0\\.1:${port} cannot be listened on \\(.*EADDRINUSE.*\\); the demo goes on.*--listen \\[HOST:\\]PORT, or --no-listen`));
  });

  it("answers at its prompt until an empty line, then lets everything go", () => {
    const { code, out } = demo([join(dir, "text"), "--workers", "2", "--watch", "1", "--no-listen"], "needle the\n--\n:memory\n\nnever asked\n");
    expect(code).toBe(0);
    expect(out).toContain("needle: in 102 files");
    expect(out).toContain("the: in 120 files, 120 times");
    expect(out).toContain("there is none in that line");
    expect(out).toMatch(/HeapReleased +RSS\n.*MiB\n\n {2}heap .*┤/);
    expect(out).not.toContain("never");
    expect(out).toContain("nothing broken");
  });

  it("ends in order with exit code 1 when the heap is too small, and says how to raise it", () => {
    const json = join(dir, "small.json");
    const many = join(dir, "many");
    mkdirSync(many);
    for (let i = 0; i < 20; i++) {
      writeFileSync(join(many, `${i}.txt`), Array.from({ length: 3000 }, (_, w) => `unique_${i}_${w}`).join(" "));
    }
    const { code, out, err } = demo([many, "--workers", "2", "--max-bytes", "2MiB", "--once", "--json", json, "--watch", "0"]);
    expect(code, err + out).toBe(1);
    expect(err).toMatch(/The heap is full.*\n.* files? of 20 are indexed.*--max-bytes \(now 2.0 MiB\)/);
    const report = JSON.parse(readFileSync(json, "utf8")) as RunReport;
    expect(report.exhausted).toContain("2097152");
    expect(report).toMatchObject({ verifyErrors: 0, objectsAfter: 0, queries: [] });
  });

  it.each([
    [["--workers", "none"], "--workers takes a whole number"],
    [["--rounds", "0"], "--rounds takes a whole number from 1"],
    [["--frobnicate"], "--frobnicate"],
    [["/no/such/place"], "does not exist"],
  ])("refuses %j with exit code 2", (args, message) => {
    const { code, err } = demo(args);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });

  it("refuses a directory without files", () => {
    mkdirSync(join(dir, "empty"));
    expect(demo([join(dir, "empty"), "--once"])).toMatchObject({ code: 2, err: expect.stringContaining("there are no files") });
  });

  it("explains itself", () => {
    expect(demo(["--help"])).toMatchObject({ code: 0, out: expect.stringContaining("--max-bytes") });
  });
});
