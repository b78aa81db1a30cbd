/**
 * The page map: for each page of the region the span that it belongs to, or 0.
 *
 *      page      ...  40   41   42   43   44  ...
 *      entry           s    s    s    0    t          span s is pages 40 to 42, page 43 is in no span, t begins at 44
 *
 * Every page of a span has the entry, also of a large one, so that an address inside an object resolves. One word per page:
 * 0.05 % of the region.
 *
 * Who writes: the thread that holds the pages, when it has made them a span, and before it gives them back; no lock is
 * needed, because nobody else has these pages. In which order:
 *
 *      making    the record is filled in, its state becomes "in use" (Atomics.store), then the entries are set
 *      freeing   the entries are cleared, the state becomes "dead", then the pages are given back (under the heap lock)
 *
 * Who reads: any thread, at any time, with any number. A program that holds an address got it after the span was published
 * (the address was handed over with some synchronisation of its own), so plain reads show it the entry. For an address that nobody gave
 * out, an entry may be read that is on its way in or out, and the record behind it may by then describe other pages: so
 * the record has to say that it is in use and that it covers the page, or the answer is "no span".
 */
import { MSpan, SPAN_IN_USE, type SpanPtr } from "@mallocgc/mspan";
import { PAGE_SHIFT, type PageIndex, type Ptr } from "@mallocgc/sysmem";

const { startAddr: START_ADDR, npages: NPAGES, state: STATE } = MSpan.offset;
const IN_USE = SPAN_IN_USE;
const PAGE_BITS = PAGE_SHIFT;
const NIL = 0;
/** From so many words on the call of `fill` pays. */
const FILL_FROM = 64;

/** The page map of one region, as one thread sees it. */
export class PageMap {
  readonly mem: Int32Array;
  /** Word index of page 0's entry. */
  readonly at: Ptr;
  readonly npages: number;

  constructor(mem: Int32Array, at: Ptr, npages: number) {
    this.mem = mem;
    this.at = at;
    this.npages = npages;
  }

  /** The span in use that `addr` lies in, or 0. Takes any number; what is no byte address of the region has no span. */
  spanOf(addr: number): SpanPtr {
    if (addr >>> 0 !== addr) return NIL as SpanPtr;
    const mem = this.mem;
    const page = addr >>> PAGE_BITS;
    if (page >= this.npages) return NIL as SpanPtr;
    const s = mem[this.at + page]!;
    if (s === 0) return NIL as SpanPtr;
    // Plain reads, see above: a torn or stale record fails one of these tests.
    if (mem[s + STATE] !== IN_USE) return NIL as SpanPtr;
    const offset = page - (mem[s + START_ADDR]! >>> PAGE_BITS);
    if (offset < 0 || offset >= mem[s + NPAGES]!) return NIL as SpanPtr;
    return s as SpanPtr;
  }

  /** Makes pages lead to the span that they have become. The caller holds them alone. */
  set(page: PageIndex, npages: number, s: SpanPtr): void {
    this.write(page, npages, s);
  }

  /** Makes pages lead to no span. The caller still holds them alone. */
  clear(page: PageIndex, npages: number): void {
    this.write(page, npages, NIL);
  }

  private write(page: number, npages: number, value: number): void {
    const mem = this.mem;
    const from = this.at + page;
    const end = from + npages;
    if (npages >= FILL_FROM) mem.fill(value, from, end);
    else for (let i = from; i < end; i++) mem[i] = value;
  }
}
