/**
 * Proportional sweeping: so many pages are swept for each byte that is allocated that all are swept when the next cycle begins.
 *
 *     pagesPerByte = pages in use, not swept yet / (trigger - live - 1 MiB), at least one page's bytes
 *
 *     before a span of S bytes is allocated:
 *     swept since the basis  >=  pagesPerByte * (S + live - live at the basis) - pages that the caller swept itself
 *
 * The basis is where things stood when the ratio was set: after each cycle, and again when a setting moved the trigger. A thread that is
 * sweeping meanwhile finds out by the basis, and asks anew. Half-new figures ask for too much or too little once, for one span; both are
 * harmless.
 *
 * The caller sweeps; this is arithmetic:
 *
 *     let basis = pacing.pagesSweptBasis, target = pacing.pagesTarget(...);
 *     while (target > pagesSwept - basis) {
 *       if (!sweepOne()) { pacing.stop(); break; }
 *       if (pacing.pagesSweptBasis !== basis) { basis = pacing.pagesSweptBasis; target = pacing.pagesTarget(...); }
 *     }
 */
import { PAGE_SIZE, record, type Ptr, type RecordLayout } from "@mallocgc/sysmem";
import { f64IndexOf } from "./pacer-errors.ts";

/** The layout of the sweep's pacing: float64 fields, on an even word. */
export const SweepPacingRecord: RecordLayout<"pagesPerByte" | "heapLiveBasis" | "pagesSweptBasis"> = record("sweep-pacing", 16, {
  pagesPerByte: { access: "owner", words: 2, doc: "pages to sweep per byte allocated; 0: nothing to sweep" },
  heapLiveBasis: { access: "owner", words: 2, doc: "live bytes when the ratio was set" },
  pagesSweptBasis: { access: "owner", words: 2, doc: "pages swept when the ratio was set; written last" },
});

const S = SweepPacingRecord.offset;
const WORDS = SweepPacingRecord.words;
const PAGES_PER_BYTE = S.pagesPerByte >>> 1;
const LIVE_BASIS = S.heapLiveBasis >>> 1;
const SWEPT_BASIS = S.pagesSweptBasis >>> 1;
const PAGE = PAGE_SIZE;

/** Bytes before the trigger at which all should be swept: rounding and threads that sweep at the same time take some. */
const MARGIN = 1 << 20;

/** Where sweeping stands when its pace is set. */
export interface SweepFigures {
  /** Where the next cycle begins. */
  readonly trigger: number;
  readonly heapLive: number;
  /** Pages of all spans in use. */
  readonly pagesInUse: number;
  /** Of these, pages of spans swept since the last cycle. */
  readonly pagesSwept: number;
}

/** One region's sweep pacing, as one thread sees it. */
export class SweepPacing {
  private readonly f64: Float64Array;
  private readonly base: number;

  /** @throws PacerError `ERR_PACER_RECORD` when `at` is not an even word with room for the record behind it. */
  constructor(f64: Float64Array, at: Ptr) {
    this.f64 = f64;
    this.base = f64IndexOf(f64, at, WORDS, "sweep-pacing");
  }

  /** Sets the pace; when all is swept, use {@link stop}. One thread at a time. */
  pace(figures: SweepFigures): void {
    const { f64, base } = this;
    const pages = figures.pagesInUse - figures.pagesSwept;
    if (pages <= 0) {
      this.stop();
      return;
    }
    const distance = Math.max(figures.trigger - figures.heapLive - MARGIN, PAGE);
    f64[base + PAGES_PER_BYTE] = pages / distance;
    f64[base + LIVE_BASIS] = figures.heapLive;
    f64[base + SWEPT_BASIS] = figures.pagesSwept;
  }

  /** Nothing is left to sweep. Any thread that finds so. */
  stop(): void {
    this.f64[this.base + PAGES_PER_BYTE] = 0;
  }

  /**
   * Pages that must have been swept since the basis before a span of `spanBytes` is allocated, when the caller has swept `callerSweepPages`
   * for this span itself. 0 or less: go on.
   */
  pagesTarget(spanBytes: number, callerSweepPages: number, heapLive: number): number {
    const { f64, base } = this;
    const ratio = f64[base + PAGES_PER_BYTE]!;
    if (ratio === 0) return 0;
    const grown = Math.max(heapLive - f64[base + LIVE_BASIS]!, 0);
    return Math.trunc(ratio * (spanBytes + grown)) - callerSweepPages;
  }

  /** Pages swept when the ratio was set. Another value than before: the pace was set anew. */
  get pagesSweptBasis(): number {
    return this.f64[this.base + SWEPT_BASIS]!;
  }
  get pagesPerByte(): number {
    return this.f64[this.base + PAGES_PER_BYTE]!;
  }
}
