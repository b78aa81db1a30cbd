/**
 * What an implementation of collected objects is to the harness: a program for each case that it takes part in.
 *
 * The loops are the implementation's own, as what a program looks like is what differs: refs and accessors here, a language of its own
 * there. The harness sets them up, calls them and reads the clock. A process opens one program, once.
 *
 * Whatever keeps the objects of a program alive is made by the program and dropped by `close`.
 */
import type { ObjectJob } from "../job.ts";
import type { Kernel } from "../kernels.ts";
import type { FieldCase, LatencyCase, MapCase, MarkCase, SteadyCase, TreesCase } from "../object-cases.ts";

export interface Programs {
  readonly graph?: (job: ObjectJob<MarkCase>) => Promise<GraphProgram>;
  readonly population?: (job: ObjectJob<SteadyCase>) => Promise<PopulationProgram>;
  readonly mutator?: (job: ObjectJob<LatencyCase>) => Promise<MutatorProgram>;
  /** Opens the heap in which several threads make their trees; absent, each thread has a heap to itself. */
  readonly sharedTrees?: (job: ObjectJob<TreesCase>) => Promise<{ readonly handle: unknown; close(): void }>;
  /** `handle`: of the shared heap, if there is one. */
  readonly trees?: (job: ObjectJob<TreesCase>, handle?: unknown) => Promise<TreesProgram>;
  /** Each operation reads or writes one field of one of {@link FIELD_OBJECTS} objects, in turn. */
  readonly fields?: (job: ObjectJob<FieldCase>) => Promise<Kernel>;
  /** Each operation looks up one key, in a random order. */
  readonly map?: (job: ObjectJob<MapCase>) => Promise<Kernel>;
}

/** A power of two, and no more than a kernel's batch; all lie in the first-level cache. */
export const FIELD_OBJECTS = 256;

/** gc-mark: a graph that is made and reachable. */
export interface GraphProgram {
  /** One forced collection, from the beginning to the end of its sweep. */
  collect(): Promise<CollectionTime>;
  /** Counts what is reachable, where that can be told; a collector that lost objects would look fast. */
  reachable?(): number;
  close(): void;
}

export interface CollectionTime {
  /** Of the mark phase, where it is told apart; else of the whole collection. */
  readonly markNs: number;
  /** Processor time of all markers. */
  readonly cpuNs?: number;
}

/** gc-alloc: the live objects are there; an operation replaces one that is drawn at random. */
export interface PopulationProgram extends Kernel {
  /** Collections completed so far, where they are counted. */
  cycles?(): number;
  close(): void;
}

/** mutator-latency: a population that is collected again and again. */
export interface MutatorProgram {
  /** Replaces one object. All that the collector asks of this thread comes in here. */
  replace(): void;
  /** Collections completed so far; the next one is begun, if somebody has to. Asked every few hundred operations. */
  cycles(): number;
  /** Lets the event loop run; where the program cannot count without. Its time counts as part of an operation. */
  breathe?(): Promise<void>;
  /** The longest time that the collector kept this thread from its work, in ns, by its own account. */
  longestStall?(): number;
  close(): Promise<void>;
}

/** binary-trees. Trees are counted in nodes. */
export interface TreesProgram {
  /** Makes trees of a depth, one after the other, counts each and drops it; returns the sum. */
  make(depth: number, trees: number): number;
  /** Makes the tree that is kept. */
  keep(depth: number): void;
  countKept(): number;
  cycles?(): number;
  /** Ends the use of raw refs, before the thread waits for others. */
  rest?(): void;
  close(): void;
}
