/**
 * The cases on objects that a collector frees, as data.
 *
 *     gc-mark          the mark phase of a forced collection; one operation is one live object. The objects have 32 bytes with two
 *                      pointers, and are a balanced tree in the order of its making, or a random graph: one pointer leads round
 *                      all objects in a random order, the other to any one, so that all are reachable without an array of roots
 *     gc-alloc         64 MiB are live; one operation allocates an object and lets go of one that is drawn at random
 *     binary-trees     the benchmarks game's program; one operation is one node made, counted and dropped
 *     mutator-latency  512 MiB are live and are collected again and again; what each operation of gc-alloc takes meanwhile
 *     field-access     one field of one of 256 objects is read or written
 *     map-access       one key of a map is looked up
 *
 * `markers` is how many threads the collector may have beside the threads that work. In gc-mark the program waits, so that only they run.
 */

/** Forced collections that gc-mark takes the middle one of, and collections that mutator-latency goes through. */
export const CYCLES = 3;

export interface MarkCase {
  readonly case: "gc-mark";
  readonly size: 32;
  readonly live: number;
  readonly shape: "tree" | "random";
  readonly markers: number;
  readonly threads: 1;
}

export interface SteadyCase {
  readonly case: "gc-alloc";
  readonly size: number;
  readonly live: number;
  /** With: two in front of the object, one of them set. */
  readonly pointers: boolean;
  readonly markers: 1;
  readonly threads: 1;
}

export interface TreesCase {
  readonly case: "binary-trees";
  /** Of the tree that is kept. */
  readonly depth: number;
  readonly markers: 1;
  readonly threads: number;
}

export interface LatencyCase {
  readonly case: "mutator-latency";
  readonly size: number;
  readonly live: number;
  readonly markers: 1;
  readonly threads: 1;
}

export interface FieldCase {
  readonly case: "field-access";
  readonly field: "u32" | "f64" | "ref";
  readonly op: "read" | "write";
  /** How a program of ours gets at it: through an accessor, with a raw ref, or as a property of a view. */
  readonly way: "accessor" | "view";
  readonly threads: 1;
}

export interface MapCase {
  readonly case: "map-access";
  readonly live: number;
  readonly op: "get" | "update";
  readonly threads: 1;
}

export type ObjectCase = MarkCase | SteadyCase | TreesCase | LatencyCase | FieldCase | MapCase;

const MIB = 1024 * 1024;
const MARKED_OBJECTS = 4_000_000;
const STEADY_BYTES = 64 * MIB;
const LATENCY_BYTES = 512 * MIB;
const LATENCY_SIZE = 64;
const TREE_DEPTH = 18;
const MAP_KEYS = 100_000;

export function objectCases(quick: boolean): ObjectCase[] {
  const cases: ObjectCase[] = [];
  for (const shape of ["tree", "random"] as const) {
    for (const markers of quick ? [1] : [1, 2]) cases.push({ case: "gc-mark", size: 32, live: MARKED_OBJECTS, shape, markers, threads: 1 });
  }
  for (const size of quick ? [64] : [16, 64, 256, 1024]) {
    for (const pointers of quick ? [true] : [true, false]) cases.push({ case: "gc-alloc", size, live: STEADY_BYTES / size, pointers, markers: 1, threads: 1 });
  }
  for (const threads of quick ? [1] : [1, 2]) cases.push({ case: "binary-trees", depth: TREE_DEPTH, markers: 1, threads });
  if (!quick) cases.push({ case: "mutator-latency", size: LATENCY_SIZE, live: LATENCY_BYTES / LATENCY_SIZE, markers: 1, threads: 1 });
  for (const field of quick ? (["u32"] as const) : (["u32", "f64", "ref"] as const)) {
    for (const op of ["read", "write"] as const) {
      for (const way of ["accessor", "view"] as const) cases.push({ case: "field-access", field, op, way, threads: 1 });
    }
  }
  for (const op of ["get", "update"] as const) cases.push({ case: "map-access", live: MAP_KEYS, op, threads: 1 });
  return cases;
}
