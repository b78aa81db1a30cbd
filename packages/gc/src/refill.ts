/**
 * What an allocating P does for the collector when its cache runs out of slots, and before a large object: never in the fast path.
 *
 *     1  poll                    a phase may be waiting for this P
 *     2  spans are unswept       sweep as many pages as the pace asks for (sweep-pacing.ts)
 *     3  the heap has grown      past the trigger: ask for a cycle
 *     4  a cycle marks           pay for what was allocated by marking: the assist (assist-credit.ts)
 *
 * Go parks a P that cannot pay its debt. Here nobody is parked: a P that finds nothing to mark, or nobody's credit to take, goes on in debt
 * and pays at its next refill. So a cycle may overshoot its goal where allocation outruns marking; `maxBytes` is the hard bound.
 */
import type { RefillHooks } from "@mallocgc/mcache";
import { CLASS_TO_PAGES } from "@mallocgc/sizeclass";
import { PAGE_SIZE, type Ptr, type Region } from "@mallocgc/sysmem";
import { AssistCredit, bytesForWork, planAssist } from "./assist-credit.ts";
import type { BackgroundMarker } from "./background-marker.ts";
import { GcProcessor, GcRecord, UNIT } from "./gc-record.ts";
import type { Mutator } from "./mutator.ts";
import type { Pacer } from "./pacer.ts";
import type { SweepPacing } from "./sweep-pacing.ts";
import type { SpanSweeper } from "./sweeper.ts";
import { wakeWorkers } from "./wake.ts";

const {
  trigger: TRIGGER, sweeping: SWEEPING, marking: MARKING, limiting: LIMITING, heapLive: HEAP_LIVE, heapScan: HEAP_SCAN, wanted: WANTED,
  bgCredit: BG_CREDIT, pagesSwept: PAGES_SWEPT, assistUs: ASSIST_US,
} = GcRecord.offset;
const { assistDebt: ASSIST_DEBT } = GcProcessor.offset;
const PAGES_OF = CLASS_TO_PAGES;
const BYTES = UNIT;
/** A cycle is wanted because the heap has grown. */
export const WANTED_BY_GROWTH = 1;
/** ... because none has been for a long time. */
export const WANTED_BY_TIME = 2;
/** ... because somebody asked for it. */
export const WANTED_BY_REQUEST = 4;
/**
 * The most that one assist scans, so that no allocation is held up for longer than that takes. Bytes of scan work are those up to an object's last pointer, often 8 or fewer: so this may
 * be some 2000 objects, each a cache miss, 0.4 ms. What is still owed then, the next assist pays. (Go's least is 64 KiB.)
 */
const MAX_ASSIST_WORK: number = 16 << 10;
/** The most spans that one refill sweeps to keep pace; likewise. */
const MAX_SWEPT_SPANS = 100;

/** One P's dealings with the collector when it takes spans. */
export class RefillWork implements RefillHooks {
  private readonly mem: Int32Array;
  private readonly gc: Ptr;
  private readonly at: Ptr;
  private readonly mutator: Mutator;
  private readonly marker: BackgroundMarker;
  private readonly sweeper: SpanSweeper;
  private readonly pacer: Pacer;
  private readonly sweepPacing: SweepPacing;
  private readonly credit: AssistCredit;

  constructor(region: Region, gc: Ptr, at: Ptr, mutator: Mutator, marker: BackgroundMarker, sweeper: SpanSweeper, pacer: Pacer, sweepPacing: SweepPacing) {
    this.mem = region.i32;
    this.gc = gc;
    this.at = at;
    this.mutator = mutator;
    this.marker = marker;
    this.sweeper = sweeper;
    this.pacer = pacer;
    this.sweepPacing = sweepPacing;
    this.credit = new AssistCredit(region.i32, (gc + BG_CREDIT) as Ptr);
  }

  beforeRefill(spanClass: number): void {
    this.beforeSpan(PAGES_OF[spanClass >>> 1]! * PAGE_SIZE);
  }

  /** What is owed before a span of `bytes` is taken. */
  beforeSpan(bytes: number): void {
    const mem = this.mem;
    this.mutator.poll();
    // Plain reads: what they miss, the next refill sees.
    if (mem[this.gc + SWEEPING] !== 0) this.sweepProportionally(bytes);
    if (mem[this.gc + HEAP_LIVE]! >= mem[this.gc + TRIGGER]!) this.want(WANTED_BY_GROWTH);
    if (mem[this.gc + MARKING] !== 0 && mem[this.at + ASSIST_DEBT]! > 0 && mem[this.gc + LIMITING] === 0) this.assist();
  }

  countLive(spanClass: number, bytes: number, sign: number): void {
    const mem = this.mem;
    const units = (bytes / BYTES) * sign;
    Atomics.add(mem, this.gc + HEAP_LIVE, units);
    if ((spanClass & 1) === 0) Atomics.add(mem, this.gc + HEAP_SCAN, units);
    if (sign > 0 && mem[this.gc + MARKING] !== 0) mem[this.at + ASSIST_DEBT] = mem[this.at + ASSIST_DEBT]! + units;
  }

  /** Asks for a cycle, and wakes whoever drives one. */
  want(reason: number): void {
    const mem = this.mem;
    if ((mem[this.gc + WANTED]! & reason) !== 0) return;
    Atomics.or(mem, this.gc + WANTED, reason);
    wakeWorkers(mem, this.gc);
  }

  private sweepProportionally(bytes: number): void {
    const { mem, sweepPacing } = this;
    const live = (): number => Atomics.load(mem, this.gc + HEAP_LIVE) * BYTES;
    let basis = sweepPacing.pagesSweptBasis;
    let target = sweepPacing.pagesTarget(bytes, 0, live());
    if (target <= Atomics.load(mem, this.gc + PAGES_SWEPT) - basis) return;
    const start = performance.now();
    for (let n = 0; n < MAX_SWEPT_SPANS && target > Atomics.load(mem, this.gc + PAGES_SWEPT) - basis; n++) {
      if (this.sweeper.sweepOne() === 0) {
        sweepPacing.stop();
        break;
      }
      if (sweepPacing.pagesSweptBasis !== basis) {
        basis = sweepPacing.pagesSweptBasis;
        target = sweepPacing.pagesTarget(bytes, 0, live());
      }
    }
    this.mutator.noteStall(start);
  }

  private assist(): void {
    const { mem, pacer } = this;
    const start = performance.now();
    const { scanWork, paidBytes } = planAssist(this.credit, mem[this.at + ASSIST_DEBT]! * BYTES, pacer.assistWorkPerByte, pacer.assistBytesPerWork);
    let paid = paidBytes;
    if (scanWork > 0) {
      const done = this.marker.drain(Math.min(scanWork, MAX_ASSIST_WORK));
      if (done > 0) paid += bytesForWork(done, pacer.assistBytesPerWork);
    }
    mem[this.at + ASSIST_DEBT] = mem[this.at + ASSIST_DEBT]! - Math.ceil(paid / BYTES);
    Atomics.add(mem, this.gc + ASSIST_US, Math.round((performance.now() - start) * 1000));
    this.mutator.noteStall(start);
  }
}
