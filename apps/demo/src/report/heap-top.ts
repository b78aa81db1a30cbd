/**
 * The functions that hold the most memory, ranked as `go tool pprof -top` ranks them: *flat*, each object under the function that allocated it.
 *
 * One name is one function there, wherever it is, so it is here. The place shown is the line that holds the most of it.
 */
import { fileURLToPath } from "node:url";
import { SAMPLE_TYPES, type Frame, type HeapSamples } from "@mallocgc/pprof-export";
import type { HeapTopLine } from "./report.ts";

const OBJECTS = SAMPLE_TYPES.findIndex(({ type }) => type === "inuse_objects");
const BYTES = SAMPLE_TYPES.findIndex(({ type }) => type === "inuse_space");
const NO_STACK: Frame = { functionName: "(unknown)", fileName: "", line: 0, column: 0 };
/** As pprof has it. */
const NO_NAME = "(anonymous)";

/** The first `most` of them. Estimates, as the profile has them. */
export function heapTop({ samples }: HeapSamples, most: number): HeapTopLine[] {
  const functions = new Map<string, { bytes: number; objects: number; places: Map<string, { frame: Frame; bytes: number }> }>();
  let total = 0;
  for (const { stack, values } of samples) {
    const [bytes, objects] = [values[BYTES]!, values[OBJECTS]!];
    if (bytes === 0) continue;
    const frame = stack[0] ?? NO_STACK;
    const name = frame.functionName === "" ? NO_NAME : frame.functionName;
    let of = functions.get(name);
    if (of === undefined) functions.set(name, (of = { bytes: 0, objects: 0, places: new Map() }));
    const at = `${frame.fileName}:${frame.line}`;
    const place = of.places.get(at) ?? { frame, bytes: 0 };
    of.places.set(at, { frame, bytes: place.bytes + bytes });
    of.bytes += bytes;
    of.objects += objects;
    total += bytes;
  }
  return [...functions]
    .sort(([a, x], [b, y]) => y.bytes - x.bytes || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([name, { bytes, objects, places }]) => {
      const { frame } = [...places.values()].reduce((a, b) => (b.bytes > a.bytes ? b : a));
      return { function: name, file: pathOf(frame.fileName), line: frame.line, bytes, objects, percent: (100 * bytes) / total };
    });
}

function pathOf(file: string): string {
  return file.startsWith("file:") ? fileURLToPath(file) : file;
}
