/**
 * The figures of the last cycles, in a ring in the region: the driver writes a row when marking ends, any thread reads rows and makes
 * Go's trace line of one.
 *
 * A row's number is written last, with the ring's slot cleared first, so a reader that finds the number it looks for before and after has read one
 * cycle's row.
 */
import type { Ptr, Region } from "@mallocgc/sysmem";
import { CYCLES_KEPT, CycleFigures, GcRecord } from "./gc-record.ts";
import { formatGcTrace } from "./gctrace.ts";
import type { PacerFigures } from "./pacer-figures.ts";
import { WANTED_BY_REQUEST } from "./refill.ts";

const G = GcRecord.offset;
const C = CycleFigures.offset;
const ROW = CycleFigures.words;
const KEPT = CYCLES_KEPT;
const MS = 1e6;

/** What one cycle did. Times in ns, sizes in bytes. */
export interface CycleReport {
  /** From 1. */
  readonly cycle: number;
  /** When it began, since the heap was made. */
  readonly start: number;
  /** Share of all CPU time since then that went into collecting. */
  readonly cpuFraction: number;
  /** Until every P had its barrier on and had passed a turn's end. */
  readonly beginNs: number;
  /** Roots and marking. */
  readonly markNs: number;
  /** The last round of flushing. */
  readonly endNs: number;
  readonly assistNs: number;
  readonly backgroundNs: number;
  /** Live bytes when it began, when marking was over, and what was marked or new. */
  readonly heapBegin: number;
  readonly heapEnd: number;
  readonly heapMarked: number;
  readonly goal: number;
  /** Bytes of roots. */
  readonly globals: number;
  readonly procs: number;
  readonly forced: boolean;
  /** The longest that any operation was held up by the collector, since the last cycle's marking was over. */
  readonly maxStallNs: number;
}

/** What the driver tells when marking is over. */
export interface CycleEnd {
  /** ms since 1970. */
  readonly at: number;
  readonly reason: number;
  readonly before: PacerFigures;
  readonly marked: number;
  readonly goal: number;
  readonly procs: number;
  readonly assistNs: number;
}

/** The ring of one heap. */
export class CycleLog {
  private readonly mem: Int32Array;
  private readonly f64: Float64Array;
  private readonly gc: Ptr;
  private readonly ring: Ptr;

  constructor(region: Region, gc: Ptr, ring: Ptr) {
    this.mem = region.i32;
    this.f64 = region.f64;
    this.gc = gc;
    this.ring = ring;
  }

  /** A cycle begins: its row is not to be read until it is written. */
  begin(cycle: number): void {
    this.f64[this.row(cycle) + (C.cycle >>> 1)] = 0;
  }

  /** Writes the row of the cycle whose marking has just ended. */
  end(end: CycleEnd): void {
    const { f64, gc, mem } = this;
    const note = (field: number): number => f64[(gc + field) >>> 1]!;
    const cycle = mem[gc + G.cyclesBegun]!;
    const markNs = (note(G.roundAt) - note(G.rootsAt)) * MS;
    const backgroundNs = Atomics.load(mem, gc + G.markUs) * 1000;
    const total = note(G.gcNs) + backgroundNs + end.assistNs;
    f64[(gc + G.gcNs) >>> 1] = total;
    const row: readonly (readonly [field: number, value: number])[] = [
      [C.start, (note(G.beginAt) - note(G.heapStart)) * MS],
      [C.cpuFraction, Math.min(total / Math.max((end.at - note(G.heapStart)) * MS * end.procs, 1), 1)],
      [C.beginNs, (note(G.rootsAt) - note(G.beginAt)) * MS],
      [C.markNs, markNs],
      [C.endNs, (end.at - note(G.roundAt)) * MS],
      [C.assistNs, end.assistNs],
      [C.backgroundNs, backgroundNs],
      [C.heapBegin, mem[gc + G.liveAtBegin]! * 8],
      [C.heapEnd, end.before.heapLive],
      [C.heapMarked, end.marked],
      [C.goal, end.goal],
      [C.globals, note(G.rootBytes)],
      [C.procs, end.procs],
      [C.forced, (end.reason & WANTED_BY_REQUEST) !== 0 ? 1 : 0],
      [C.maxStallNs, Atomics.exchange(mem, gc + G.maxStallUs, 0) * 1000],
      [C.cycle, cycle],
    ];
    const at = this.row(cycle);
    for (const [field, value] of row) f64[at + (field >>> 1)] = value;
  }

  /** The report of a cycle; undefined when it is not over, or so long ago that its row is another's. */
  read(cycle: number): CycleReport | undefined {
    const at = this.row(cycle);
    const figure = (field: number): number => this.f64[at + (field >>> 1)]!;
    const report: CycleReport = {
      cycle,
      start: figure(C.start),
      cpuFraction: figure(C.cpuFraction),
      beginNs: figure(C.beginNs),
      markNs: figure(C.markNs),
      endNs: figure(C.endNs),
      assistNs: figure(C.assistNs),
      backgroundNs: figure(C.backgroundNs),
      heapBegin: figure(C.heapBegin),
      heapEnd: figure(C.heapEnd),
      heapMarked: figure(C.heapMarked),
      goal: figure(C.goal),
      globals: figure(C.globals),
      procs: figure(C.procs),
      forced: figure(C.forced) === 1,
      maxStallNs: figure(C.maxStallNs),
    };
    return figure(C.cycle) === cycle ? report : undefined;
  }

  private row(cycle: number): number {
    return (this.ring + (cycle % KEPT) * ROW) >>> 1;
  }
}

/** Go's trace line of a cycle. */
export function traceLine(r: CycleReport): string {
  return formatGcTrace({
    cycle: r.cycle,
    start: r.start,
    cpuFraction: r.cpuFraction,
    clock: [r.beginNs, r.markNs, r.endNs],
    cpu: [0, r.assistNs, r.backgroundNs, 0, 0],
    heap: [r.heapBegin, r.heapEnd, r.heapMarked],
    goal: r.goal,
    stacks: 0,
    globals: r.globals,
    procs: r.procs,
    forced: r.forced,
  });
}
