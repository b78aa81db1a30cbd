import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { goVersion, recordWithGo } from "./go.ts";
import { loadHeapGoals, loadMetrics, loadPacer, loadPprof, loadPrng, loadSampling, loadScavenger, loadSequences, loadSizeClasses, type HeapGoalRecording } from "./recording.ts";

/** Why the recording cannot be compared here, or undefined when it can. */
function reasonToSkip(): string | undefined {
  const here = goVersion();
  if (here === undefined) return "Go is not installed";
  if (process.platform !== "linux" || process.arch !== "x64") return "386 binaries run on x86 Linux only";
  const minor = (version: string): string => version.split(".").slice(0, 2).join(".");
  const recorded = loadSequences().go;
  if (minor(here) !== minor(recorded)) return `recorded with ${recorded}, here is ${here}`;
  return undefined;
}

const reason = reasonToSkip();
if (reason !== undefined) console.log(`the recordings are not compared with Go itself: ${reason}`);

test.skipIf(reason !== undefined)("Go itself does today what was recorded", { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "go-oracle-"));
  try {
    recordWithGo(folder);
    const here = pathToFileURL(`${folder}/`);
    const go = goVersion();
    expect(loadPrng(here)).toEqual({ ...loadPrng(), go });
    expect(loadSizeClasses(here)).toEqual({ ...loadSizeClasses(), go });
    expect(loadSequences(here)).toEqual({ ...loadSequences(), go });
    expect(loadMetrics(here)).toEqual({ ...loadMetrics(), go });
    expect(loadPacer(here)).toEqual({ ...loadPacer(), go });
    expect(loadPprof(here)).toEqual({ ...loadPprof(), go });
    expect(loadSampling(here)).toEqual({ ...loadSampling(), go });
    // How much is released differs with the time that it gets.
    expect({ ...loadScavenger(here), scavtrace: [] }).toEqual({ ...loadScavenger(), go, scavtrace: [] });
    // What is marked differs by some bytes from run to run; the settings do not.
    const settings = ({ liveMiB, gcPercent, memoryLimit, sweepDone }: HeapGoalRecording): unknown[] => [liveMiB, gcPercent, memoryLimit, sweepDone];
    expect(loadHeapGoals(here).goals.map(settings)).toEqual(loadHeapGoals().goals.map(settings));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
