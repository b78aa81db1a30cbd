/**
 * The trace lines of one heap, in Go's formats, written by the thread that made it.
 *
 *      when a cycle's marking is over     gcpacertrace   pacer: assist ratio=...      pacer: 25% CPU ...
 *                                         gctrace        gc 7 @0.512s 3%: ...
 *      when it is swept                   scavtrace      scav 1024 KiB work (bg), ...
 *      after freeOSMemory                 scavtrace      scav ... (forced)
 *
 * The cycles run in any thread; their figures are in the region (gc's cycle log). This thread looks there ten times a second, by a timer that keeps no
 * process alive, and whenever it has waited for a cycle, leaves the heap, or the process ends. Of a thread that does none of that for long the last 64 cycles' lines are
 * written. Nothing of all this exists when no trace is on.
 */
import { CYCLES_KEPT, GcRecord, pacerLines, traceLine, type CycleLog, type CycleReport } from "@mallocgc/gc";
import { formatScavTrace } from "@mallocgc/scavenger";
import { PAGE_SIZE } from "@mallocgc/sysmem";
import type { Layers } from "./layers.ts";
import type { TraceOptions } from "./options.ts";

const { cyclesDone: CYCLES_DONE, cyclesSwept: CYCLES_SWEPT } = GcRecord.offset;
const LOOK_MS = 100;

/** What is used of `process`. */
interface ProcessLike {
  readonly stderr?: { write(text: string): unknown };
  on?(event: "exit", listener: () => void): unknown;
  removeListener?(event: "exit", listener: () => void): unknown;
}

/** Writers that have not been closed, for the end of the process: one listener for all. */
const open = new Set<TraceWriter>();
const atExit = (): void => { for (const writer of open) writer.look(); };

/** Writes one heap's lines. */
export class TraceWriter {
  private readonly layers: Layers;
  /** Of a collected heap. */
  private readonly log: CycleLog | undefined;
  private readonly options: TraceOptions;
  private readonly write: (line: string) => void;
  private readonly timer: unknown;
  private marked = 0;
  private swept = 0;

  constructor(layers: Layers, log: CycleLog | undefined, options: TraceOptions) {
    this.layers = layers;
    this.log = log;
    this.options = options;
    this.write = options.write ?? writeLine;
    const timer = setInterval(() => { this.look(); }, LOOK_MS) as { unref?(): void } | number;
    if (typeof timer === "object") timer.unref?.();
    this.timer = timer;
    if (open.size === 0) processLike().on?.("exit", atExit);
    open.add(this);
  }

  /** Whether options ask for any trace. */
  static isOn({ gctrace, scavtrace, gcpacertrace }: TraceOptions): boolean {
    return gctrace === true || scavtrace === true || gcpacertrace === true;
  }

  /** Writes what has come since the last look. */
  look(): void {
    if (this.log === undefined) return;
    const { gctrace, scavtrace, gcpacertrace } = this.options;
    const { i32 } = this.layers.region;
    const gc = this.layers.plan.at("gc");
    // Swept first: a cycle that is swept is one whose marking is over.
    const swept = Atomics.load(i32, gc + CYCLES_SWEPT);
    const done = Atomics.load(i32, gc + CYCLES_DONE);
    for (let cycle = Math.max(Math.min(this.marked, this.swept), done - CYCLES_KEPT) + 1; cycle <= done; cycle++) {
      const report = this.log.read(cycle);
      if (report === undefined) continue;
      if (cycle > this.marked) {
        if (gcpacertrace === true) for (const line of pacerLines(report)) this.write(line);
        if (gctrace === true) this.write(traceLine(report));
      }
      if (scavtrace === true && cycle > this.swept && cycle <= swept) this.writePages(report);
    }
    this.marked = done;
    this.swept = swept;
  }

  /** freeOSMemory has given `released` bytes back. */
  forced(released: number): void {
    this.look();
    if (this.options.scavtrace !== true) return;
    const { scavenging } = this.layers;
    const { inUse, released: pages } = scavenging.figures();
    this.write(formatScavTrace(scavenging.scavenger.takeTrace(inUse * PAGE_SIZE, pages * PAGE_SIZE, released)));
  }

  /** This thread leaves the heap. */
  close(): void {
    this.look();
    clearInterval(this.timer as number);
    open.delete(this);
    if (open.size === 0) processLike().removeListener?.("exit", atExit);
  }

  private writePages({ pages }: CycleReport): void {
    if (pages !== undefined) this.write(formatScavTrace({ ...pages, forced: false }));
  }
}

function writeLine(line: string): void {
  const { stderr } = processLike();
  if (stderr === undefined) console.error(line);
  else stderr.write(`${line}\n`);
}

function processLike(): ProcessLike {
  return (globalThis as { process?: ProcessLike }).process ?? {};
}
