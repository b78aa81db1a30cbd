/**
 * A series of memory as two small charts for a terminal, over one axis of time.
 *
 *     heap    stacked from zero: in use, idle, released (a column's total is HeapSys)
 *     RSS     of the whole process, from its least to its most: the other memory of the process is left out, so that changes can be seen
 *
 * A column stands for an equal part of the time and shows the last sample in it; where there is none it goes on with the one before.
 */
import { bytes } from "./format.ts";
import type { MemorySample } from "./memory-series.ts";

const WIDTH = 60;
const HEIGHT = 6;
const EIGHTHS = " ▁▂▃▄▅▆▇█";
const [IN_USE, IDLE, RELEASED] = ["█", "▒", "░"] as const;

/** Two charts with a legend and an axis; empty for fewer than two samples, which are no course of time. */
export function memoryChart(samples: readonly MemorySample[]): string {
  if (samples.length < 2) return "";
  const shown = columns(samples, WIDTH);
  const most = Math.max(...shown.map((s) => s.heapInuse + s.heapIdle));
  const heap = rows((row) => shown.map((s) => stackedCell(s, ((row + 0.5) * most) / HEIGHT)).join(""));
  const [low, high] = [Math.min(...shown.map((s) => s.rss)), Math.max(...shown.map((s) => s.rss))];
  const rss = rows((row) => shown.map((s) => barCell(high === low ? HEIGHT : ((s.rss - low) / (high - low)) * HEIGHT, row)).join(""));
  const end = `${samples.at(-1)!.seconds.toFixed(1)} s`;
  return [
    ...framed("heap", heap, bytes(most), "0 B"),
    `${" ".repeat(19)}${IN_USE} in use  ${IDLE} idle  ${RELEASED} released`,
    ...framed("RSS", rss, bytes(high), bytes(low)),
    `${" ".repeat(19)}${`${samples[0]!.seconds.toFixed(1)} s`.padEnd(WIDTH - end.length)}${end}`,
  ].join("\n");
}

/** The last sample of each of `count` equal parts of the time. */
export function columns(samples: readonly MemorySample[], count: number): MemorySample[] {
  const [first, last] = [samples[0]!.seconds, samples.at(-1)!.seconds];
  let at = 0;
  return Array.from({ length: count }, (_, column) => {
    const until = column === count - 1 ? last : first + ((last - first) * (column + 1)) / count;
    while (at + 1 < samples.length && samples[at + 1]!.seconds <= until) at++;
    return samples[at]!;
  });
}

/** From the top row, HEIGHT - 1, to row 0. */
function rows(row: (n: number) => string): string[] {
  return Array.from({ length: HEIGHT }, (_, i) => row(HEIGHT - 1 - i));
}

function framed(name: string, lines: readonly string[], top: string, bottom: string): string[] {
  return lines.map((line, i) => {
    const label = i === 0 ? top : i === lines.length - 1 ? bottom : "";
    return `  ${(i === 0 ? name : "").padEnd(5)}${label.padStart(10)} ${label === "" ? "│" : "┤"}${line}`.trimEnd();
  });
}

function stackedCell(s: MemorySample, level: number): string {
  if (level <= s.heapInuse) return IN_USE;
  if (level <= s.heapInuse + s.heapIdle - s.heapReleased) return IDLE;
  return level <= s.heapInuse + s.heapIdle ? RELEASED : " ";
}

/** The part of a bar of that height, in rows, that lies in a row. */
function barCell(height: number, row: number): string {
  return EIGHTHS[Math.round(Math.min(1, Math.max(0, height - row)) * 8)]!;
}
