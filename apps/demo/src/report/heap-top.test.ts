import type { Frame, HeapSample, HeapSamples } from "@mallocgc/pprof-export";
import { expect, it } from "vitest";
import { heapTop } from "./heap-top.ts";

const frame = (functionName: string, fileName: string, line: number): Frame => ({ functionName, fileName, line, column: 1 });
const sample = (stack: readonly Frame[], objects: number, bytes: number): HeapSample => ({ stack, values: [9 * objects, 9 * bytes, objects, bytes], blockSize: 8 });
const profile = (samples: readonly HeapSample[]): HeapSamples => ({ samples, rate: 1, timeMs: 0 });

const MAIN = frame("main", "/app/main.ts", 1);

it("the top of a profile has what each function allocated itself and is in use, most first, at the line that holds most of it", () => {
  const samples = [
    sample([frame("add", "file:///app/map.ts", 10), MAIN], 1, 100),
    sample([frame("add", "file:///app/map.ts", 20), MAIN], 2, 300),
    sample([frame("add", "/app/set.ts", 5), frame("add", "file:///app/map.ts", 10)], 1, 200),
    sample([MAIN], 3, 300),
    sample([frame("", "/app/main.ts", 7), MAIN], 1, 80),
    sample([], 1, 20),
    sample([frame("gone", "/app/main.ts", 8)], 0, 0),
  ];
  expect(heapTop(profile(samples), 10)).toEqual([
    { function: "add", file: "/app/map.ts", line: 20, objects: 4, bytes: 600, percent: 60 },
    { function: "main", file: "/app/main.ts", line: 1, objects: 3, bytes: 300, percent: 30 },
    { function: "(anonymous)", file: "/app/main.ts", line: 7, objects: 1, bytes: 80, percent: 8 },
    { function: "(unknown)", file: "", line: 0, objects: 1, bytes: 20, percent: 2 },
  ]);
  expect(heapTop(profile(samples), 2).map((f) => f.function)).toEqual(["add", "main"]);
  expect(heapTop(profile([]), 10)).toEqual([]);
});
