/**
 * Marking in the background: a quantum at a time, by any thread that has nothing else to do; several may mark at once.
 *
 *     announce (workSeq, then `marking` of this P)  ──►  look at the phase  ──►  drain  ──►  hand over what is left  ──►  sign off
 *
 * The announcement comes before anything is taken off the list of full buffers, so that the driver, who looks at the list and then at both
 * words, cannot take marking for finished while a buffer is on its way (Cycle.tryFinish). Who is at work stands in the P's own record, so
 * that a thread that dies at work does not count for ever.
 *
 * Only after the announcement does it look whether marking is under way. Before, it may be over at any moment, and the next cycle be in ARM: there is
 * something on the list then, for a turn that ends hands over what it has shaded; but what is scanned in ARM is lost to the stores of Ps that do not shade yet.
 */
import type { Ptr, Region } from "@mallocgc/sysmem";
import { AssistCredit } from "./assist-credit.ts";
import { GcProcessor, GcRecord, UNIT } from "./gc-record.ts";
import type { Marker } from "./marker.ts";
import { PHASE_MARK, phaseOf } from "./phase.ts";
import { wakeWorkers } from "./wake.ts";

const { phase: PHASE, marking: MARKING, workSeq: WORK_SEQ, bgCredit: BG_CREDIT, idleMarkers: IDLE_MARKERS, markUs: MARK_US, idleUs: IDLE_US, heapLive: HEAP_LIVE } = GcRecord.offset;

const { marking: P_MARKING } = GcProcessor.offset;
/** From this many live bytes on pointers are put off: smaller heaps are in the caches for a good part, and 1 MiB is much for them. */
const LARGE_HEAP: number = 64 << 20;
/** Scan work, in bytes, after which a marker hands in the credit for it: as much as an assist does. (Go: 2000; here each time is a call of the kernel.) */
const CREDIT_QUANTUM: number = 16 << 10;

/** The P whose record is `at` has done with marking: who sleeps because of it, or because there was nothing to take, looks again. */
export function signOff(mem: Int32Array, gc: Ptr, at: Ptr): void {
  // Pairs with the loads of the driver.
  Atomics.store(mem, at + P_MARKING, 0);
  if (Atomics.load(mem, gc + IDLE_MARKERS) !== 0) wakeWorkers(mem, gc);
}

/** One thread's background marking. */
export class BackgroundMarker {
  /** Whether this thread may have memory for pointers that are put off: it marks for long at a time, so that many come together. */
  mayDefer = false;
  /** Whether this thread marks because it has nothing else to do: that time takes nothing from the program. */
  idle = false;
  private readonly mem: Int32Array;
  private readonly gc: Ptr;
  private readonly at: Ptr;
  private readonly marker: Marker;
  private readonly credit: AssistCredit;

  constructor(region: Region, gc: Ptr, at: Ptr, marker: Marker) {
    this.mem = region.i32;
    this.gc = gc;
    this.at = at;
    this.marker = marker;
    this.credit = new AssistCredit(region.i32, (gc + BG_CREDIT) as Ptr);
  }

  /** Marks for about `budget` bytes of scan work, and returns how much there was; 0 when there is nothing to take. */
  run(budget: number): number {
    const { mem, gc, marker } = this;
    if (mem[gc + MARKING] === 0 || marker.nothingToTake()) return 0;
    if (this.mayDefer && mem[gc + HEAP_LIVE]! * UNIT >= LARGE_HEAP) marker.deferPointers();
    const start = performance.now();
    const done = this.drain(budget, this.credit);
    Atomics.add(mem, gc + (this.idle ? IDLE_US : MARK_US), Math.round((performance.now() - start) * 1000));
    return done;
  }

  /**
   * Takes work and does about `budget` bytes of it, announced; returns how much. Nothing unless marking is under way. `credit` gets its part by and by: who finds none has to
   * mark himself.
   */
  drain(budget: number, credit?: AssistCredit): number {
    const { mem, gc, at, marker } = this;
    let done = 0;
    if (this.announce()) {
      for (let n = CREDIT_QUANTUM; n >= CREDIT_QUANTUM && done < budget; done += n) {
        n = marker.drain(Math.min(CREDIT_QUANTUM, budget - done));
        credit?.add(n);
      }
      marker.flushLocal();
    }
    signOff(mem, gc, at);
    return done;
  }

  /** Whether this thread may mark: until it signs off, then. */
  private announce(): boolean {
    const { mem, gc, at } = this;
    // Pairs with the driver's loads, see above.
    Atomics.add(mem, gc + WORK_SEQ, 1);
    Atomics.store(mem, at + P_MARKING, 1);
    // Pairs with the driver's stores. In MARK it stays so until this P signs off; in TERM the driver is about to see the announcement, and there is another time.
    return phaseOf(Atomics.load(mem, gc + PHASE)) === PHASE_MARK;
  }
}
