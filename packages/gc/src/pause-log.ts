/**
 * Go's PauseNs and PauseEnd: what the last 256 cycles held the program up, and when.
 *
 * Nobody is stopped here. A *pause* is a handshake: the time in which one thread takes notice of the phase (its poll: turning the barrier on, handing over what it
 * has shaded, giving its cached spans back) or waits for the driver that acts for it. Assists and sweeping before an allocation are none: they are
 * work that the program owes. Each P counts its pauses in a histogram of its own; a cycle's pause is **the longest** of them, in any thread, from the end of the last
 * cycle's marking to the end of this one's: threads are held up one by one and briefly, so a sum would say how many threads there are.
 *
 * The driver writes a cycle's row before it says that the cycle is done (`cyclesDone`). There are some more rows than 256, so the last 256 rows are
 * whole while a reader copies them, unless so many cycles end meanwhile; then it copies them again.
 */
import { record, type Ptr, type RecordLayout, type Region } from "@mallocgc/sysmem";

/** Cycles whose pauses are told; as in Go. */
const PAUSES_TOLD = 256;
/** Cycles that may end while a reader copies. */
const SLACK = 8;
/** Rows of the ring. */
export const PAUSE_ROWS: number = PAUSES_TOLD + SLACK;

/** The layout of a cycle's row. */
export const PauseRow: RecordLayout<"ns" | "end"> = record("gcPause", 4, {
  ns: { access: "owner", words: 2, doc: "the longest pause of the cycle, in ns, as float64; the driver's" },
  end: { access: "owner", words: 2, doc: "when its marking was over, in ns since 1970, as float64" },
});

const { ns: NS, end: END } = PauseRow.offset;

/** Pauses of the last 256 cycles, at the index that Go has them at: that of cycle c at (c + 255) % 256; 0 where there was none. */
export interface Pauses {
  readonly ns: readonly number[];
  readonly end: readonly number[];
}

/** The pauses of one heap's cycles. */
export class PauseLog {
  private readonly f64: Float64Array;
  private readonly ring: Ptr;

  constructor(region: Region, ring: Ptr) {
    this.f64 = region.f64;
    this.ring = ring;
  }

  /** Writes a cycle's row. In the driver's seat. */
  write(cycle: number, ns: number, end: number): void {
    const at = this.row(cycle);
    this.f64[at + (NS >>> 1)] = ns;
    this.f64[at + (END >>> 1)] = end;
  }

  /** The pauses of the cycles up to number `last`, of which `done` are done after reading: undefined when rows were written over meanwhile. */
  read(last: number, done: () => number): Pauses | undefined {
    const ns = new Array<number>(PAUSES_TOLD).fill(0);
    const end = new Array<number>(PAUSES_TOLD).fill(0);
    for (let cycle = Math.max(1, last - PAUSES_TOLD + 1); cycle <= last; cycle++) {
      const at = this.row(cycle);
      const index = (cycle + PAUSES_TOLD - 1) % PAUSES_TOLD;
      ns[index] = this.f64[at + (NS >>> 1)]!;
      end[index] = this.f64[at + (END >>> 1)]!;
    }
    // The row of the cycle after those that are done may be half written.
    return done() + 1 < last + SLACK ? { ns, end } : undefined;
  }

  private row(cycle: number): number {
    return (this.ring + (cycle % PAUSE_ROWS) * PauseRow.words) >>> 1;
  }
}
