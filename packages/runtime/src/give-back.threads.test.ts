/** Memory that is dropped leaves the process, in a process of its own, as the system counts it; and it is the scavenger that does it. The long form is bench/give-back.ts. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { GiveBackReport } from "../bench/give-back.ts";

const MIB = 1 << 20;
/** What a mapping may hold besides the region: the system makes one of it and its neighbours. */
const NEIGHBOURS = 4 * MIB;
const path = (name: string): string => fileURLToPath(new URL(`../bench/${name}`, import.meta.url));

/** Fills a heap with 128 MiB, drops 120, and gives back in that way; `off`: in a Node that has no way to. */
async function giveBack(way: "free" | "background", off = false): Promise<GiveBackReport> {
  const preload = off ? ["--import", path("no-page-release.ts")] : [];
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=dev", ...preload, path("give-back.ts"), "128", way], { encoding: "utf8" });
  return JSON.parse(stdout) as GiveBackReport;
}

test.runIf(process.platform === "linux")("freeOSMemory leaves a process with what its heap has in use; without it, the same process keeps all", async () => {
  const on = await giveBack("free");
  if (on.osBackend === "none") return;
  const { end, baseline } = on;
  expect(on.live.rss - baseline).toBeGreaterThan(120 * MIB);
  expect(end.rss).toBeLessThan((end.heapInuse + end.metadata + baseline) * 1.05 + 20 * MIB);
  expect(end.region).toBeLessThan(end.heapInuse + end.metadata + NEIGHBOURS);
  expect(end.region, "HeapReleased claims no more than is gone").toBeGreaterThanOrEqual(end.retained - MIB);

  const off = await giveBack("free", true);
  expect([off.osBackend, off.end.heapReleased]).toEqual(["none", off.live.heapReleased]);
  expect(off.end.region).toBeGreaterThan(120 * MIB);
});

test.runIf(process.platform === "linux")("in the background a heap comes down to its goal, of itself; without a scavenger it does not", async () => {
  const on = await giveBack("background");
  if (on.osBackend === "none") return;
  expect(on.end.retained).toBeLessThanOrEqual(on.goal);
  expect(on.end.retained, "and not below").toBeGreaterThan(on.goal - MIB);
  expect(on.end.region).toBeLessThan(on.goal + on.end.metadata + NEIGHBOURS);
  expect(on.seconds, "at its pace").toBeGreaterThan(0.5);

  const off = await giveBack("background", true);
  expect(off.end.retained).toBeGreaterThan(120 * MIB);
  expect(off.end.region).toBeGreaterThan(120 * MIB);
});
