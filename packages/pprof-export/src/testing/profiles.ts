/** Profiles whose answers are known. */
import type { Frame, HeapProfile, MemProfileRecord } from "../records.ts";

export const RATE = 524288;

export function frame(functionName: string, line: number, column = 1, fileName = "file:///app/src/index.ts"): Frame {
  return { functionName, fileName, line, column };
}

export const MAIN: Frame = frame("main", 3, 5, "file:///app/src/main.ts");
export const BUILD: Frame = frame("buildIndex", 12, 7);
export const POSTING: Frame = frame("addPosting", 40, 11);

export function record(stack: readonly Frame[], allocObjects: number, allocBytes: number, freeObjects = 0, freeBytes = 0): MemProfileRecord {
  return { stack, allocObjects, allocBytes, freeObjects, freeBytes };
}

/** Go's TestConvertMemProfile: (4, 4096) of which (1, 1024) freed; (1, 524288) freed; with their estimates in the tests. */
export function goldenProfile(): HeapProfile {
  return {
    records: [
      { ...record([POSTING, BUILD, MAIN], 4, 4096, 1, 1024), thread: "worker 1" },
      record([BUILD, MAIN], 1, 524288, 1, 524288),
      record([MAIN], 1, 524288),
    ],
    rate: RATE,
    timeMs: 1_790_000_000_123,
  };
}
