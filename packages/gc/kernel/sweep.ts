/**
 * Sweeping one span, in AssemblyScript: what is live is kept, the rest are free slots, and the bits are ready for the next cycle.
 *
 *     handed out           slot < freeIndex, or its bit of allocBits is set
 *     allocated since      handed out in this cycle: freeIndexForScan <= slot < freeIndex, and its bit of allocBits is clear
 *     live               = handed out and (marked or allocated since)
 *
 *     allocBits := live (in the span's own bits);  mark bits := 0;  freeIndex := 0;  freeIndexForScan := infinity
 *     allocCache := complement of the first word, without slots that do not exist;  allocCount := number live;  needzero := 1 if any died
 *
 * The caller holds the span: it is swept by one thread, once in a cycle (src/sweep-span.ts says who). A span that was fresh and in which nothing
 * died still borrows the bits that are zero for ever, and its own are written all the same: from now on they are what counts.
 *
 * freeIndex is stored last, and atomically, as in mspan: who reads it as 0 also reads the new allocBits.
 */
import {
  SPAN_ALLOC_BITS, SPAN_ALLOC_CACHE, SPAN_ALLOC_COUNT, SPAN_DIV_MAGIC, SPAN_ELEM_SIZE, SPAN_FREED_BITS, SPAN_FREE_INDEX, SPAN_FREE_INDEX_FOR_SCAN, SPAN_NEEDZERO,
  SPAN_NELEMS, SPAN_OWN_ALLOC_BITS, SPAN_OWN_FREED_BITS, SPAN_START_ADDR,
} from "./layout";

/** `freeIndexForScan` of a span in which no slot counts as marked for being new. */
const SCAN_NEVER: u32 = 0x7fffffff;
const PAGE_SHIFT: u32 = 13;
/** What a dead slot is filled with under `clobberfree`. */
const CLOBBER: u32 = 0xdeadbeef;

/** The slots below `index`, of the 32 from `base` on. */
@inline
function below(index: u32, base: u32): u32 {
  if (index <= base) return 0;
  const n = index - base;
  return n >= 32 ? 0xffffffff : (1 << n) - 1;
}

/** Fills `nbytes` bytes at `addr`, a multiple of 4, with the pattern. */
function clobber(addr: usize, nbytes: u32): void {
  for (let i: u32 = 0; i < nbytes; i += 4) store<u32>(addr + i, CLOBBER);
}

@inline
function sweepSpan(s: usize, clobbering: bool): u32 {
  const nelems = load<u32>(s, SPAN_NELEMS);
  const nbytes = ((nelems + 31) >>> 5) << 2;
  const freeIndex = load<u32>(s, SPAN_FREE_INDEX);
  const since = load<u32>(s, SPAN_FREE_INDEX_FOR_SCAN);
  const markWords = load<u32>(s, SPAN_FREED_BITS);
  const marks = <usize>markWords << 2;
  const old = <usize>load<u32>(s, SPAN_ALLOC_BITS) << 2;
  // Own bits: in the record, or, in the span, before the mark bits and as long: 64 bytes, or 128 for slots of 8.
  const inRecord = marks == s + SPAN_OWN_FREED_BITS;
  const own = inRecord ? s + SPAN_OWN_ALLOC_BITS : marks - (load<u32>(s, SPAN_ELEM_SIZE) < 16 ? 128 : 64);
  let died: u32 = 0;
  let live: u32 = 0;
  for (let at: u32 = 0; at < nbytes; at += 4) {
    const base = at << 3;
    const allocated = load<u32>(old + at);
    const handedOut = allocated | below(freeIndex, base);
    const isNew = handedOut & ~allocated & ~below(since, base);
    const alive = handedOut & (load<u32>(marks + at) | isNew);
    const dead = handedOut & ~alive;
    live += popcnt(alive);
    died += popcnt(dead);
    if (clobbering) {
      const size = load<u32>(s, SPAN_ELEM_SIZE);
      for (let bits = dead; bits != 0; bits &= bits - 1) clobber(load<u32>(s, SPAN_START_ADDR) + (base + <u32>ctz(bits)) * size, size);
    }
    store<u32>(own + at, alive);
    store<u32>(marks + at, 0);
  }
  if (old != own) atomic.store<u32>(s, <u32>(own >>> 2), SPAN_ALLOC_BITS);
  store<u32>(s, ~load<u32>(own) & below(nelems, 0), SPAN_ALLOC_CACHE);
  store<u32>(s, SCAN_NEVER, SPAN_FREE_INDEX_FOR_SCAN);
  store<u32>(s, live, SPAN_ALLOC_COUNT);
  if (died != 0) store<u32>(s, 1, SPAN_NEEDZERO);
  // Pairs with wasHandedOutConfirmed.
  atomic.store<u32>(s, 0, SPAN_FREE_INDEX);
  return died;
}

/** Sweeps the span whose record is at word `s`. Returns how many slots died. */
export function sweep(s: usize): u32 {
  return sweepSpan(s << 2, false);
}

/** As `sweep`, and fills the dead slots with 0xdeadbeef, so that a use of them shows. */
export function sweepClobbering(s: usize): u32 {
  return sweepSpan(s << 2, true);
}

/**
 * Of the `n` addresses at `at`, moves those whose slots are not new to the front, and returns how many there are: what a flush marks. A first pass only touches the span
 * records, so that their cache misses overlap. `map` is the page map, of `mapPages` pages.
 */
export function leaveOutNew(map: usize, mapPages: u32, at: usize, n: u32): u32 {
  const end = at + (n << 2);
  for (let from = at; from < end; from += 4) {
    const page = load<u32>(from) >>> PAGE_SHIFT;
    // Not dead code: a load may trap, so it stays.
    if (page < mapPages) load<u32>(<usize>load<u32>(map + (page << 2)) << 2, SPAN_FREE_INDEX_FOR_SCAN);
  }
  let to = at;
  for (let from = at; from < end; from += 4) {
    const addr = load<u32>(from);
    if (isNew(map, mapPages, addr)) continue;
    store<u32>(to, addr);
    to += 4;
  }
  return <u32>(to - at) >>> 2;
}

@inline
function isNew(map: usize, mapPages: u32, addr: u32): bool {
  const page = addr >>> PAGE_SHIFT;
  if (page >= mapPages) return false;
  const s = <usize>load<u32>(map + (page << 2)) << 2;
  const since = load<u32>(s, SPAN_FREE_INDEX_FOR_SCAN);
  if (s == 0 || since == SCAN_NEVER) return false;
  const slot = <u32>((<u64>(addr - load<u32>(s, SPAN_START_ADDR)) * <u64>load<u32>(s, SPAN_DIV_MAGIC)) >>> 32);
  if (slot < since || slot >= load<u32>(s, SPAN_FREE_INDEX)) return false;
  return ((load<u32>((<usize>load<u32>(s, SPAN_ALLOC_BITS) + (slot >>> 5)) << 2) >>> slot) & 1) == 0;
}
