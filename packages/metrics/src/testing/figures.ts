/** Figures for tests: a heap's, small enough to add up by hand. */
import type { Metric } from "../metric.ts";

const scalar = (name: string, value: number, cumulative = false): Metric => ({
  name, unit: name.slice(name.indexOf(":") + 1), description: `what ${name} is`, cumulative, kind: name.endsWith("cpu-seconds") ? "float64" : "uint64", value,
});

const histogram = (name: string, buckets: number[], counts: number[]): Metric => ({
  name, unit: name.slice(name.indexOf(":") + 1), description: `what ${name} is`, cumulative: true, kind: "float64-histogram", buckets, counts,
});

/** A look at a heap with so many objects of 8 bytes, half of them freed. */
export function figures(objects = 100): Metric[] {
  return [
    scalar("/cpu/classes/gc/pause:cpu-seconds", 0.25, true),
    histogram("/gc/heap/allocs-by-size:bytes", [1, 9, 17, 25, 33, Infinity], [objects, 0, 0, 0, 0]),
    scalar("/gc/heap/allocs:bytes", objects * 8, true),
    scalar("/gc/heap/allocs:objects", objects, true),
    scalar("/gc/heap/frees:objects", objects / 2, true),
    scalar("/gc/heap/goal:bytes", Infinity),
    scalar("/gc/heap/tiny/allocs:objects", 7, true),
    histogram("/gc/pauses:seconds", [-Infinity, 0, 64e-9, 128e-9, 1e-6, 5, Infinity], [0, 1, 2, 4, 8, 16]),
    scalar("/memory/classes/heap/objects:bytes", objects * 4),
    scalar("/memory/classes/heap/unused:bytes", 1000),
  ];
}
