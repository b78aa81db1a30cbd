/**
 * The figures of the last cycles, in a ring in the region: the driver writes a row, any thread reads rows and makes Go's trace lines of one.
 *
 *     begin    what the pacer starts with                  row cleared
 *     end      what marking did                            then its number: the row can be read
 *     swept    how the pages stand                         then its number once more: that part can be read too
 *
 * A number is written after what it stands for, with the ring's slot cleared first, so a reader that finds the number it looks for after the figures has read one
 * cycle's row.
 */
import type { Ptr, Region } from "@mallocgc/sysmem";
import { CYCLES_KEPT, CycleFigures, GcRecord } from "./gc-record.ts";
import { formatGcTrace, formatPacerEnd, formatPacerStart, type PacerStartFigures } from "./gctrace.ts";
import type { PacerFigures } from "./pacer-figures.ts";
import { PauseLog, type Pauses } from "./pause-log.ts";
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
  /** Marking by threads that had nothing else to do. */
  readonly idleNs: number;
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
  /** The longest pause, since the last cycle's marking was over (pause-log.ts). */
  readonly pauseNs: number;
  readonly pacing: CyclePacing;
  /** How the pages stood when all was swept; undefined as long as it is not. */
  readonly pages: CyclePages | undefined;
}

/** What the pacer aimed at, and what came of it. Bytes and shares. */
export interface CyclePacing extends PacerStartFigures {
  readonly utilization: number;
  readonly goalUtilization: number;
  readonly heapScanWork: number;
  /** Scan work that was expected, heap and roots. */
  readonly expectedWork: number;
  readonly triggered: number;
  readonly consMark: number;
}

/** Pages given back since the last cycle was swept, and how they stand. Bytes. */
export interface CyclePages {
  readonly releasedBg: number;
  readonly releasedEager: number;
  readonly heapReleased: number;
  readonly heapInUse: number;
  readonly heapRetained: number;
  /** Whether the scavenger's controller has failed meanwhile. */
  readonly controllerReset: boolean;
}

/** What all cycles did up to the last one whose marking is over. Times in ns. */
export interface CycleTotals {
  /** How many they are: the number of the last. */
  readonly cycles: number;
  /** How many of them were asked for. */
  readonly forced: number;
  /** When the marking of the last was over, since 1970; 0 when there was none. */
  readonly lastEnd: number;
  /** The longest pause of each, added up. */
  readonly pauseNs: number;
  readonly assistNs: number;
  readonly backgroundNs: number;
  /** Share of all CPU time since the heap was made that went into collecting. */
  readonly cpuFraction: number;
  readonly pauses: Pauses;
}

/** What the driver tells when marking is over. */
export interface CycleEnd extends Pick<CyclePacing, "utilization" | "goalUtilization" | "expectedWork" | "triggered" | "consMark"> {
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
  private readonly pauses: PauseLog;

  constructor(region: Region, gc: Ptr, ring: Ptr, pauses: Ptr) {
    this.mem = region.i32;
    this.f64 = region.f64;
    this.gc = gc;
    this.ring = ring;
    this.pauses = new PauseLog(region, pauses);
  }

  /** A cycle begins: its row is not to be read until it is written. */
  begin(cycle: number, pacer: PacerStartFigures): void {
    this.write(cycle, [
      [C.cycle, 0],
      [C.swept, 0],
      [C.assistWorkPerByte, pacer.assistWorkPerByte],
      [C.heapScan, pacer.heapScan],
      [C.goalAtBegin, pacer.goal],
      [C.dedicatedMarkWorkers, pacer.dedicatedMarkWorkers],
      [C.fractionalUtilizationGoal, pacer.fractionalUtilizationGoal],
    ]);
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
    const pauseNs = Atomics.exchange(mem, gc + G.maxPauseNs, 0) >>> 0;
    const forced = (end.reason & WANTED_BY_REQUEST) !== 0 ? 1 : 0;
    const before = this.row(cycle - 1);
    const upToNow = (field: number, more: number): number => f64[before + (field >>> 1)]! + more;
    this.write(cycle, [
      [C.start, (note(G.beginAt) - note(G.heapStart)) * MS],
      [C.cpuFraction, Math.min(total / Math.max((end.at - note(G.heapStart)) * MS * end.procs, 1), 1)],
      [C.beginNs, (note(G.rootsAt) - note(G.beginAt)) * MS],
      [C.markNs, markNs],
      [C.endNs, (end.at - note(G.roundAt)) * MS],
      [C.assistNs, end.assistNs],
      [C.backgroundNs, backgroundNs],
      [C.idleNs, Atomics.load(mem, gc + G.idleUs) * 1000],
      [C.heapBegin, mem[gc + G.liveAtBegin]! * 8],
      [C.heapEnd, end.before.heapLive],
      [C.heapMarked, end.marked],
      [C.goal, end.goal],
      [C.globals, note(G.rootBytes)],
      [C.procs, end.procs],
      [C.forced, forced],
      [C.maxStallNs, Atomics.exchange(mem, gc + G.maxStallUs, 0) * 1000],
      [C.endAt, end.at],
      [C.pauseNs, pauseNs],
      [C.pauseTotalNs, upToNow(C.pauseTotalNs, pauseNs)],
      [C.assistTotalNs, upToNow(C.assistTotalNs, end.assistNs)],
      [C.backgroundTotalNs, upToNow(C.backgroundTotalNs, backgroundNs)],
      [C.forcedTotal, upToNow(C.forcedTotal, forced)],
      [C.utilization, end.utilization],
      [C.goalUtilization, end.goalUtilization],
      [C.heapScanWork, end.before.heapScanWork],
      [C.expectedWork, end.expectedWork],
      [C.triggered, end.triggered],
      [C.consMark, end.consMark],
      [C.cycle, cycle],
    ]);
    this.pauses.write(cycle, pauseNs, end.at * MS);
  }

  /** The cycle is swept. */
  swept(cycle: number, pages: CyclePages): void {
    this.write(cycle, [
      [C.releasedBg, pages.releasedBg],
      [C.releasedEager, pages.releasedEager],
      [C.heapReleased, pages.heapReleased],
      [C.heapInUse, pages.heapInUse],
      [C.heapRetained, pages.heapRetained],
      [C.controllerReset, pages.controllerReset ? 1 : 0],
      [C.swept, cycle],
    ]);
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
      idleNs: figure(C.idleNs),
      heapBegin: figure(C.heapBegin),
      heapEnd: figure(C.heapEnd),
      heapMarked: figure(C.heapMarked),
      goal: figure(C.goal),
      globals: figure(C.globals),
      procs: figure(C.procs),
      forced: figure(C.forced) === 1,
      maxStallNs: figure(C.maxStallNs),
      pauseNs: figure(C.pauseNs),
      pacing: {
        assistWorkPerByte: figure(C.assistWorkPerByte),
        heapScan: figure(C.heapScan),
        heapLive: figure(C.heapBegin),
        goal: figure(C.goalAtBegin),
        dedicatedMarkWorkers: figure(C.dedicatedMarkWorkers),
        fractionalUtilizationGoal: figure(C.fractionalUtilizationGoal),
        utilization: figure(C.utilization),
        goalUtilization: figure(C.goalUtilization),
        heapScanWork: figure(C.heapScanWork),
        expectedWork: figure(C.expectedWork),
        triggered: figure(C.triggered),
        consMark: figure(C.consMark),
      },
      pages: figure(C.swept) !== cycle ? undefined : {
        releasedBg: figure(C.releasedBg),
        releasedEager: figure(C.releasedEager),
        heapReleased: figure(C.heapReleased),
        heapInUse: figure(C.heapInUse),
        heapRetained: figure(C.heapRetained),
        controllerReset: figure(C.controllerReset) === 1,
      },
    };
    return figure(C.cycle) === cycle ? report : undefined;
  }

  /** What all cycles did whose marking is over: all of it as it was at the end of one and the same. Any thread. */
  totals(): CycleTotals {
    for (;;) {
      const cycles = this.done();
      const at = this.row(cycles);
      const figure = (field: number): number => this.f64[at + (field >>> 1)]!;
      const totals = {
        cycles,
        forced: figure(C.forcedTotal),
        lastEnd: figure(C.endAt) * MS,
        pauseNs: figure(C.pauseTotalNs),
        assistNs: figure(C.assistTotalNs),
        backgroundNs: figure(C.backgroundTotalNs),
        cpuFraction: figure(C.cpuFraction),
      };
      const pauses = this.pauses.read(cycles, () => this.done());
      if (pauses !== undefined) return { ...totals, pauses };
    }
  }

  private done(): number {
    // Pairs with the store at the end of a cycle's marking: its rows are there.
    return Atomics.load(this.mem, this.gc + G.cyclesDone);
  }

  private write(cycle: number, figures: readonly (readonly [field: number, value: number])[]): void {
    const at = this.row(cycle);
    for (const [field, value] of figures) this.f64[at + (field >>> 1)] = value;
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
    cpu: [0, r.assistNs, r.backgroundNs, r.idleNs, 0],
    heap: [r.heapBegin, r.heapEnd, r.heapMarked],
    goal: r.goal,
    stacks: 0,
    globals: r.globals,
    procs: r.procs,
    forced: r.forced,
  });
}

/** Go's two pacer lines of a cycle: what it began with, and what came of it. */
export function pacerLines(r: CycleReport): [begin: string, end: string] {
  const { pacing } = r;
  return [
    formatPacerStart(pacing),
    formatPacerEnd({ ...pacing, stackScanWork: 0, globalsScanWork: r.globals, heapLive: r.heapEnd, goal: r.goal }),
  ];
}
