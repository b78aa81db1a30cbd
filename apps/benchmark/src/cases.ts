/**
 * The cases: what is measured, as data.
 *
 * One case is one row of the report. The cases on blocks are an access pattern, a block size, a number of threads, and for the
 * patterns that free, the number of blocks that are live meanwhile:
 *
 *     alloc-fresh   allocate only, out of memory that was never used; nothing touches the blocks
 *     free-ring     `live` blocks in a ring; one operation frees the oldest and allocates its successor
 *     free-random   the same, the block to replace being drawn at random
 *     create-heap   from nothing to a heap that can allocate
 *     attach-heap   from a handle to a heap that can allocate, in a worker
 *     metadata      fill a heap to the brim: what part of it is not the program's
 *
 * The cases on objects are about what is collected (object-cases.ts).
 *
 * `size` is in bytes; for create-heap, attach-heap and metadata it is explained at their lists below. `live` is per thread.
 */
import { objectCases, type ObjectCase } from "./object-cases.ts";

export const IMPLEMENTATIONS = ["mallocgc", "go", "thi.ng", "assemblyscript", "uint8array", "buffer", "js"] as const;
export type ImplementationId = (typeof IMPLEMENTATIONS)[number];

/** Bytes of each block, or drawn from the sizes that the demo asked for (data/demo-sizes.json). */
export type BlockSize = number | "mixed";

export interface BlockCase {
  readonly case: "alloc-fresh" | "free-ring" | "free-random" | "create-heap" | "attach-heap" | "metadata";
  readonly size: BlockSize;
  readonly threads: number;
  readonly live?: number;
}

export type BenchCase = BlockCase | ObjectCase;
export type CaseName = BenchCase["case"];

const SIZES: readonly BlockSize[] = [8, 16, 64, 256, 1024, 8192, 32768, 1048576, "mixed"];
const LIVE: readonly number[] = [100, 10_000, 1_000_000];

/** The size of the heap that create-heap and attach-heap make, and what they say as their `size`. */
export const HEAP_BYTES = 1073741824;

const QUICK_SIZES: readonly BlockSize[] = [16, 64, 1024, 8192];
const QUICK_TWO_THREADS: readonly BlockSize[] = [64, 8192];
const QUICK_FREE_SIZES: readonly BlockSize[] = [64, "mixed"];

/** Every case of a full run, or the few of a quick one, in the order in which they are run. */
export function allCases(quick: boolean): BenchCase[] {
  return [...blockCases(quick), ...objectCases(quick)];
}

function blockCases(quick: boolean): BlockCase[] {
  const cases: BlockCase[] = [];
  for (const size of quick ? QUICK_SIZES : SIZES) {
    cases.push({ case: "alloc-fresh", size, threads: 1 });
    if (!quick || QUICK_TWO_THREADS.includes(size)) cases.push({ case: "alloc-fresh", size, threads: 2 });
  }
  for (const live of quick ? [10_000] : LIVE) {
    for (const name of ["free-ring", "free-random"] as const) {
      for (const size of quick ? QUICK_FREE_SIZES : SIZES) {
        cases.push({ case: name, size, threads: 1, live });
        if (!quick && live === 10_000) cases.push({ case: name, size, threads: 2, live });
      }
    }
  }
  cases.push({ case: "create-heap", size: HEAP_BYTES, threads: 1 });
  cases.push({ case: "attach-heap", size: HEAP_BYTES, threads: 1 });
  for (const size of [64, "mixed"] as const) cases.push({ case: "metadata", size, threads: 1 });
  return cases;
}

export function isObjectCase<C extends BenchCase>(c: C): c is Extract<C, ObjectCase> {
  return FAMILIES[c.case] !== "Alloc";
}

/** What a case's results are filed under: the part of their name between `Benchmark` and the first parameter. */
export const FAMILIES: Readonly<Record<CaseName, string>> = {
  "alloc-fresh": "Alloc",
  "free-ring": "Alloc",
  "free-random": "Alloc",
  "create-heap": "Alloc",
  "attach-heap": "Alloc",
  metadata: "Alloc",
  "gc-mark": "GCMark",
  "gc-alloc": "GCAlloc",
  "binary-trees": "BinaryTrees",
  "mutator-latency": "Mutator",
  "field-access": "FieldAccess",
  "map-access": "MapAccess",
};

/** All parameters of any case, in the order in which names have them. */
export const PARAMETERS = ["size", "live", "depth", "shape", "pointers", "field", "op", "way", "markers", "threads"] as const;
export type Parameter = (typeof PARAMETERS)[number];

/** A case's own parameters and their values, in order. */
export function parametersOf(c: BenchCase): (readonly [name: Parameter, value: string])[] {
  const values: Partial<Record<Parameter, string | number | boolean>> = c;
  return PARAMETERS.flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [[name, String(value)] as const];
  });
}

/** A case in the words of Go's sub-benchmark names: `case=free-ring/size=64/live=100/threads=1`. No two cases share one. */
export function caseLabel(c: BenchCase): string {
  return [`case=${c.case}`, ...parametersOf(c).map(([name, value]) => `${name}=${value}`)].join("/");
}
