import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { columns, memoryChart } from "./memory-chart.ts";
import type { MemorySample } from "./memory-series.ts";

const MIB = 2 ** 20;
const sample = (seconds: number, heapInuse: number, heapIdle: number, heapReleased: number, rss: number): MemorySample => ({
  seconds,
  heapInuse: heapInuse * MIB,
  heapIdle: heapIdle * MIB,
  heapReleased: heapReleased * MIB,
  rss: rss * MIB,
});

describe("the chart of memory", () => {
  it("shows the heap's parts on each other, and how resident memory rises and falls", () => {
    // In use and as much resident for 3 s; then dropped; given back from 6 s on.
    const series = [sample(0, 6, 0, 0, 100), sample(3, 0, 6, 0, 160), sample(6, 0, 6, 3, 130), sample(9, 0, 6, 6, 100)];
    expect(memoryChart(series)).toBe(
      [
        "  heap    6.0 MiB ┤███████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒░░░░░░░░░░░░░░░░░░░░░",
        "                  │███████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒░░░░░░░░░░░░░░░░░░░░░",
        "                  │███████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒░░░░░░░░░░░░░░░░░░░░░",
        "                  │███████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒░",
        "                  │███████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒░",
        "              0 B ┤███████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒░",
        "                   █ in use  ▒ idle  ░ released",
        "  RSS   160.0 MiB ┤                   ████████████████████",
        "                  │                   ████████████████████",
        "                  │                   ████████████████████",
        "                  │                   ████████████████████████████████████████",
        "                  │                   ████████████████████████████████████████",
        "        100.0 MiB ┤                   ████████████████████████████████████████",
        "                   0.0 s                                                  9.0 s",
      ].join("\n"),
    );
  });

  it("of memory that does not change is full, and of fewer than two samples there is none", () => {
    const still = memoryChart([sample(0, 1, 0, 0, 50), sample(1, 1, 0, 0, 50)]);
    expect(still.split("\n").filter((line) => line.endsWith("█".repeat(60)))).toHaveLength(12);
    expect(memoryChart([sample(0, 1, 0, 0, 50)])).toBe("");
    expect(memoryChart([])).toBe("");
  });

  it("has a column for each part of the time, in order, from the first part to the last sample", () => {
    const gaps = fc.array(fc.double({ min: 0.001, max: 10, noNaN: true }), { minLength: 2, maxLength: 200 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 80 }), (steps, count) => {
        let now = 0;
        const series = steps.map((step) => sample((now += step), 1, 1, 0, 1));
        const shown = columns(series, count);
        expect(shown).toHaveLength(count);
        expect(shown.at(-1)).toBe(series.at(-1));
        const seconds = shown.map((s) => s.seconds);
        expect(seconds).toEqual([...seconds].sort((a, b) => a - b));
        for (const [i, s] of shown.entries()) {
          const until = series[0]!.seconds + ((series.at(-1)!.seconds - series[0]!.seconds) * (i + 1)) / count;
          expect(s.seconds).toBeLessThanOrEqual(until + 1e-9);
        }
      }),
    );
  });
});
