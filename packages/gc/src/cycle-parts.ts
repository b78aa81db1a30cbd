/** What a cycle is put together from: the collector's own parts, and what it asks of those above it. */
import type { Heap as PageHeap } from "@mallocgc/mheap";
import type { Spans } from "@mallocgc/mspan";
import type { Mutexes, Ptr, Region } from "@mallocgc/sysmem";
import type { BackgroundMarker } from "./background-marker.ts";
import type { CpuLimiter } from "./cpu-limiter.ts";
import type { CycleLog } from "./cycle-log.ts";
import type { CycleObserver } from "./cycle-observer.ts";
import type { Handshake, Processors } from "./handshake.ts";
import type { Marker } from "./marker.ts";
import type { Pacer } from "./pacer.ts";
import type { RootSource } from "./root-source.ts";
import type { SweepPacing } from "./sweep-pacing.ts";
import type { SpanSweeper } from "./sweeper.ts";

/** Memory figures that only a memory limit asks for, in bytes. */
export interface MemoryFigures {
  readonly mappedReady: number;
  readonly heapFree: number;
  readonly heapAlloc: number;
}

/** What a heap profile is told of the cycle. Called in the driver's seat, with no lock held. */
export interface CycleProfile {
  /** Marking is over, and nothing is swept yet. */
  nextCycle(): void;
  /** A cycle that was asked for is swept. */
  postSweep(): void;
}

/** What a cycle is put together from. */
export interface CycleParts {
  readonly region: Region;
  readonly gc: Ptr;
  readonly log: CycleLog;
  readonly mutexes: Mutexes;
  readonly pages: PageHeap;
  readonly spans: Spans;
  readonly processors: Processors;
  readonly handshake: Handshake;
  readonly marker: Marker;
  readonly background: BackgroundMarker;
  readonly sweeper: SpanSweeper;
  readonly pacer: Pacer;
  readonly limiter: CpuLimiter;
  readonly sweepPacing: SweepPacing;
  readonly roots: readonly RootSource[];
  /** Calls its argument with every object that has a finalizer: what these reach is marked, they are not. */
  readonly forEachFinalizer: (visit: (addr: number) => void) => void;
  /** Marks once more what is marked and not scanned, after work buffers ran out. */
  readonly rescan: () => void;
  readonly memory: () => MemoryFigures;
  readonly observer: CycleObserver;
  readonly profile: CycleProfile;
  /** Called when all is marked and nothing swept yet: what a second mark finds, in debug mode. */
  readonly checkMarks: (() => void) | undefined;
  /** Milliseconds since 1970, the same for all threads. */
  readonly now: () => number;
}
