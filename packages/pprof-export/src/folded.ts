/**
 * Folded stacks: one line for each stack, outermost call first, and its figure. Brendan Gregg's `flamegraph.pl`, inferno, speedscope and Pyroscope read it.
 *
 *     main (main.ts:3);build (index.ts:12) 2099200
 */
import { LocationTable, type LocationEntry } from "./location-table.ts";
import { SAMPLE_TYPES, type HeapSamples, type SampleType } from "./unsample.ts";

/** The form has no place for what is negative or 0: such stacks are left out. Equal stacks are added up. */
export function foldedStacks(profile: HeapSamples, sampleType: SampleType = "inuse_space"): string {
  const index = SAMPLE_TYPES.findIndex(({ type }) => type === sampleType);
  const table = new LocationTable();
  const labels: string[] = [];
  const sums = new Map<string, number>();
  for (const { stack, values } of profile.samples) {
    const line = table.idsOf(stack).map((id) => (labels[id] ??= label(table.locations[id - 1]!))).reverse().join(";");
    sums.set(line, (sums.get(line) ?? 0) + values[index]!);
  }
  let text = "";
  for (const [line, sum] of sums) if (sum > 0) text += `${line} ${sum}\n`;
  return text;
}

/** What separates frames and lines may not be in one. */
function label({ function: { name, fileName }, line }: LocationEntry): string {
  return `${name} (${fileName}:${line})`.replace(/[;\p{Cc}]+/gu, " ");
}
