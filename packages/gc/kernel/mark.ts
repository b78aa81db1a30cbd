/**
 * Marking, in AssemblyScript: from grey objects on a marker's stack to the objects they point at, until the stack is empty.
 *
 * Cache misses decide what marking costs, so work is done in batches, each step a tight loop over all of the batch, in which the misses of
 * many objects overlap and no branch waits for memory:
 *
 *     touch     take up to 64 entries off the stack; load a word of each object, then its heap bits
 *     visit     for each: pick the words that hold pointers and are not nil. Those into the same span are marked, and scanned, there and then;
 *               those out of it are noted
 *     resolve   for each noted one: page map -> span -> slot -> mark word; load the mark word
 *     mark      for each: set the bit; if it was clear, and the object has pointers, push it
 *
 * Where neighbours point at each other (a tree, a list, as a program builds them) nearly all is done in visits: one that finds more than a few addresses
 * goes over the span in address order (passes.ts). Where they do not (a random graph) a visit sees one object, and batches make up for the
 * misses. (docs/decisions/0009-marking.md has the figures.)
 *
 * So the two want different orders. After a visit that went on by passes the rest of its batch goes back on the stack, below what was found, and the
 * next batch is a small one, taken from the top: depth first, which leads through a heap in the order in which a program built it, page after page. Each
 * batch without such a visit is twice as large as the one before.
 *
 * A marker with memory for that does not resolve and mark at once what it finds many of: it puts them off, and marks them in the order of addresses (deferred.ts).
 *
 * Four words are scanned at once: those that are pointers and not nil are moved to the front of a vector by a shuffle from a table of 16, stored, and
 * the end of the list moves on by as many. So nil pointers cost no branch, nor do marks that were set: an entry is stored at the stack's top always, and the
 * top moves if the mark is new.
 *
 * An entry is 4 bytes wide: the address of an object; or, with bit 0 set, an address inside a large one, from which to go on. Objects with a header, and large
 * ones, are scanned in pieces of 4 KiB: the rest is pushed as an entry before the piece is scanned, so that another marker may take it.
 *
 * Two modes. Exclusive: this marker is the only one at work, and marks are set by plain stores. Shared: test, then an atomic or. In both, only
 * markers write mark bits.
 *
 * The words of objects are read while programs write them. Four at a time is no harm: each is aligned, and no machine tears an aligned word.
 * The state of a span is not read (it is on another cache line): a page map entry that leads to a span is enough, since it is set after the
 * record was filled in and cleared before it is given up. What leads to no span, or to no slot of it, is counted, noted, and left alone.
 */
import {
  AREA_AT, AREA_END,
  SPAN_DIV_MAGIC, SPAN_ELEM_SIZE, SPAN_FREED_BITS, SPAN_HEAP_BITS, SPAN_LARGE_TYPE, SPAN_NELEMS, SPAN_NPAGES, SPAN_SPAN_CLASS, SPAN_START_ADDR,
  TYPE_ELEM_SIZE, TYPE_KIND, TYPE_MASK, TYPE_PTR_WORDS,
  WORK_BAD_POINTERS, WORK_BATCH, WORK_BUSY, WORK_MARKED_BYTES, WORK_COMPRESS, WORK_DEFERRED, WORK_EXCLUSIVE, WORK_FOUND, WORK_LAST_BAD, WORK_MAP_PAGES,
  WORK_N, WORK_MARKED_OBJECTS, WORK_OTHERS, WORK_PAGE_MAP, WORK_QUEUE, WORK_RESOLVED, WORK_SCAN_WORK, WORK_STACK, WORK_TOUCHED,
} from "./layout";
import { CHUNK, enoughOff, putOff, sortOff } from "./deferred";
import { hit, leftEnd, passedWords, passes } from "./passes";
import { STEP_MAX, addEmpty, balance, giveAll, pushEntry, refill, reserve } from "./work";

export { addEmpty, reserve };

const PAGE_SHIFT: u32 = 13;
/** The most entries of a batch. */
const BATCH: u32 = 64;
/** Found pointers that are resolved before they are marked. */
const RESOLVE: usize = 128;
/** Bytes of a piece of an object with a header or of a large one: fewer words than a step can push. */
const PIECE: u32 = 4096;
/** Bytes before the first element of an array: its length. */
const ARRAY_HEADER: u32 = 8;
const KIND_ARRAY: u32 = 1;

/** Found pointers that are enough to resolve and mark before the batch is over. */
const FOUND_ENOUGH: usize = 512;

/** Found pointers, and addresses in the queue, beyond which a visit begins with no further entry of the batch: what a page can add to them has room. */
const FOUND_GROUP: usize = 480;
const QUEUE_GROUP: usize = 128;

/** A visit that has found so many addresses in its span will probably see most of it: it goes on by passes. */
const DENSE: usize = 4;
/** Entries of the batch after one with such a visit. */
const DENSE_BATCH: u32 = 8;

/** What visits of the batch in hand scanned, in words, and marked. */
let localScanned: u32 = 0;
let localObjects: u32 = 0;
let localBytes: u32 = 0;
/** Where in the batch the visit ended, and whether it went on by passes. */
let visitedTo: usize = 0;
let wasDense: bool = false;
/** Entries of the next batch. */
let batchSize: u32 = BATCH;

/** What `drain` returns. */
const DRAIN_EMPTY: i32 = 0;
const DRAIN_BUDGET: i32 = 1;
const DRAIN_NEEDS_BUFFERS: i32 = 2;

/** The span record that a page map without bounds check leads to: for addresses that are known to be good. */
@inline
function spanOf(map: usize, addr: u32): usize {
  return <usize>load<u32>(map + ((addr >>> PAGE_SHIFT) << 2)) << 2;
}

/** The slot of a span that an address of its pages is in; 0 for a large object, whose magic number is 0. */
@inline
function slotOf(s: usize, addr: u32): u32 {
  return <u32>((<u64>(addr - load<u32>(s, SPAN_START_ADDR)) * <u64>load<u32>(s, SPAN_DIV_MAGIC)) >>> 32);
}

/** The heap bits of the object at `object`, bit i for its word i. */
@inline
function bitsOf(s: usize, object: u32): u32 {
  // One bit per word: up to 32 bits, from bit 0 to 7 of a byte on, in one load of 64.
  const w = (object - load<u32>(s, SPAN_START_ADDR)) >>> 2;
  const bits = <u32>(load<u64>((<usize>load<u32>(s, SPAN_HEAP_BITS) << 2) + (w >>> 3)) >>> (w & 7));
  return bits & (<u32>0xffffffff >>> (32 - (load<u32>(s, SPAN_ELEM_SIZE) >>> 2)));
}

/** Counts marked objects. */
@inline
function count(work: usize, objects: u32, bytes: u64): void {
  store<f64>(work, load<f64>(work, WORK_MARKED_OBJECTS) + <f64>objects, WORK_MARKED_OBJECTS);
  store<f64>(work, load<f64>(work, WORK_MARKED_BYTES) + <f64>bytes, WORK_MARKED_BYTES);
}

/** Of the four words at `addr`, stores those with a bit in `mask` that are not nil at `to`; where to store the next. */
@inline
function pick(work: usize, addr: usize, mask: u32, to: usize): usize {
  const words = v128.load(addr);
  const m = v128.bitmask<i32>(v128.ne<i32>(words, i32x4.splat(0))) & mask;
  v128.store(to, v128.swizzle(words, v128.load(work + (m << 4), WORK_COMPRESS)));
  return to + (popcnt(m) << 2);
}

/** As `pick` for `n` words at `addr`, of which bit i of `bits` says whether word i is a pointer. Reads nothing beyond them. */
function pickWords(work: usize, addr: usize, n: u32, bits: u32, to: usize): usize {
  while (n >= 4 && bits != 0) {
    to = pick(work, addr, bits & 15, to);
    bits >>>= 4;
    addr += 16;
    n -= 4;
  }
  while (n != 0 && bits != 0) {
    const p = load<u32>(addr);
    if (bits & 1 && p != 0) {
      store<u32>(to, p);
      to += 4;
    }
    bits >>>= 1;
    addr += 4;
    n -= 1;
  }
  return to;
}

/** Notes a pointer that leads nowhere. */
function bad(work: usize, p: u32): void {
  store<u32>(work, load<u32>(work, WORK_BAD_POINTERS) + 1, WORK_BAD_POINTERS);
  store<u32>(work, p, WORK_LAST_BAD);
}

/**
 * Resolves and marks what was found: the words from `first` to `end`, at most `STEP_MAX`. The stack has room. A resolved
 * pointer is four words: the object, its mark word, the bit's number there and 32 if it is noscan, the slot's size.
 */
@inline
function markFound(shared: bool, work: usize, first: usize, end: usize): void {
  const map = <usize>load<u32>(work, WORK_PAGE_MAP) << 2;
  const mapPages = load<u32>(work, WORK_MAP_PAGES);
  const resolved = work + WORK_RESOLVED;
  const bottom = work + WORK_STACK;
  let top = bottom + (load<u32>(work, WORK_N) << 2);
  let touched: u32 = 0;
  let objects: u32 = 0;
  let bytes: u64 = 0;
  for (let from = first; from < end; from += RESOLVE << 2) {
    const to = min(end, from + (RESOLVE << 2));
    let r = resolved;
    for (let at = from; at < to; at += 4) {
      const p = load<u32>(at);
      const page = p >>> PAGE_SHIFT;
      if (page >= mapPages) {
        bad(work, p);
        continue;
      }
      const s = <usize>load<u32>(map + (page << 2)) << 2;
      if (s == 0) {
        bad(work, p);
        continue;
      }
      const slot = slotOf(s, p);
      if (slot >= load<u32>(s, SPAN_NELEMS)) {
        bad(work, p);
        continue;
      }
      const word = (<usize>load<u32>(s, SPAN_FREED_BITS) + (slot >>> 5)) << 2;
      touched += load<u32>(word);
      const size = load<u32>(s, SPAN_ELEM_SIZE);
      store<u32>(r, load<u32>(s, SPAN_START_ADDR) + slot * size);
      store<u32>(r, word, 4);
      store<u32>(r, (slot & 31) | ((load<u32>(s, SPAN_SPAN_CLASS) & 1) << 5), 8);
      store<u32>(r, size, 12);
      r += 16;
    }
    for (let at = resolved; at < r; at += 16) {
      const word = <usize>load<u32>(at, 4);
      const how = load<u32>(at, 8);
      const old = load<u32>(word);
      // A shift takes the low 5 bits of its count.
      let isNew = ~(old >>> how) & 1;
      if (shared) {
        const bit: u32 = 1 << how;
        if (isNew) isNew = <u32>((atomic.or<u32>(word, bit) & bit) == 0);
      } else {
        store<u32>(word, old | (1 << how));
      }
      objects += isNew;
      bytes += <u64>(load<u32>(at, 12) & (0 - isNew));
      store<u32>(top, load<u32>(at));
      top += (isNew & ~(how >>> 5)) << 2;
    }
  }
  store<u32>(work, <u32>(top - bottom) >>> 2, WORK_N);
  store<u32>(work, touched, WORK_TOUCHED);
  count(work, objects, bytes);
}

/** `markFound` in the mode of this marker, for what is not hot enough to have a copy of its own. */
function markFoundByMode(work: usize, end: usize): void {
  if (load<u32>(work, WORK_EXCLUSIVE)) markFound(false, work, work + WORK_FOUND, end);
  else markFound(true, work, work + WORK_FOUND, end);
}

/** Marks the next chunk of what is sorted; if there is none, sorts if `sorting`, or if enough is put off. The stack has room. False when there was nothing to do. */
function nextChunk(shared: bool, work: usize, area: usize, sorting: bool): bool {
  const at = <usize>load<u32>(area, AREA_AT);
  const last = <usize>load<u32>(area, AREA_END);
  if (at == last) return (sorting || enoughOff(area)) && sortOff(area);
  const end = min(last, at + (CHUNK << 2));
  markFound(shared, work, at, end);
  store<u32>(area, <u32>end, AREA_AT);
  return true;
}

/** Picks the pointers among the words of [from, to), which begin at word `w` of a pattern of `ptrWords` words, the pattern's end or `to`, whichever comes first. */
function pickPattern(work: usize, type: usize, w: u32, ptrWords: u32, from: usize, to: usize, end: usize): usize {
  while (w < ptrWords && from < to) {
    const shift = w & 31;
    const n = min(min(32 - shift, ptrWords - w), <u32>(to - from) >>> 2);
    end = pickWords(work, from, n, load<u32>(type + ((w >>> 5) << 2), TYPE_MASK) >>> shift, end);
    w += n;
    from += n << 2;
  }
  return end;
}

/** Picks the pointers of the elements that overlap [from, to): the pattern repeats every `elemSize` bytes from `first`. */
function pickArray(work: usize, type: usize, first: usize, from: usize, to: usize): usize {
  const found = work + WORK_FOUND;
  const ptrWords = load<u32>(type, TYPE_PTR_WORDS);
  const elemSize = <usize>load<u32>(type, TYPE_ELEM_SIZE);
  let end = found;
  if (elemSize == 4) {
    // Every word is a pointer.
    for (; from < to; from += 128) end = pickWords(work, from, min(32, <u32>(to - from) >>> 2), 0xffffffff, end);
    return end;
  }
  let offset = (from - first) % elemSize;
  while (from < to) {
    end = pickPattern(work, type, <u32>offset >>> 2, ptrWords, from, to, end);
    from += elemSize - offset;
    offset = 0;
  }
  return end;
}

/** Scans an object whose map is a type, or a piece of it. The stack has room for a step. Returns the bytes scanned. */
function scanTyped(work: usize, entry: u32): u32 {
  const map = <usize>load<u32>(work, WORK_PAGE_MAP) << 2;
  const s = spanOf(map, entry);
  const spanClass = load<u32>(s, SPAN_SPAN_CLASS);
  if (spanClass & 1) return 0;
  const size = load<u32>(s, SPAN_ELEM_SIZE);
  let object = load<u32>(s, SPAN_START_ADDR) + slotOf(s, entry) * size;
  // In 64 bits, since the region may end at 4 GiB.
  let limit = <u64>object + <u64>size;
  let type: usize;
  if (spanClass == 0) {
    type = load<u32>(s, SPAN_LARGE_TYPE);
  } else {
    type = load<u32>(object);
    object += 8;
  }
  // Not initialised yet: nobody can have stored a pointer in it.
  if (type == 0) return 0;
  const array = load<u32>(type, TYPE_KIND) == KIND_ARRAY;
  let first = object;
  if (array) {
    first = object + ARRAY_HEADER;
    const elemSize = load<u32>(type, TYPE_ELEM_SIZE);
    if (elemSize < 4 || load<u32>(type, TYPE_PTR_WORDS) == 0) return 0;
    limit = min(limit, <u64>first + <u64>load<u32>(object) * <u64>elemSize);
  } else {
    limit = min(limit, <u64>object + (<u64>load<u32>(type, TYPE_PTR_WORDS) << 2));
  }
  const from = entry & 1 ? entry & ~1 : first;
  if (<u64>from >= limit) return 0;
  let to = <usize>(from + <u32>min(limit - <u64>from, <u64>PIECE));
  if (<u64>from + <u64>PIECE < limit) pushEntry(work, <u32>to | 1);
  const found = work + WORK_FOUND;
  const end = array
    ? pickArray(work, type, first, from, to)
    : pickPattern(work, type, (from - first) >>> 2, load<u32>(type, TYPE_PTR_WORDS), from, to, found);
  if (!putOff(work, end)) markFoundByMode(work, end);
  return <u32>to - from;
}

/**
 * Scans the object of the batch's entry at `at`, those of the entries after it, up to `until`, as long as they are in the same span, and what is found from
 * them inside the span, which need not be resolved: the queue of the record holds addresses in this span, in the order found. Pointers
 * out of the span go to `end`. Returns the new end.
 */
@inline
function visit(shared: bool, work: usize, at: usize, until: usize, end: usize): usize {
  const s = <usize>load<u32>(at, 4);
  const start = load<u32>(s, SPAN_START_ADDR);
  const nbytes = load<u32>(s, SPAN_NPAGES) << PAGE_SHIFT;
  const starts = i32x4.splat(start);
  const lengths = i32x4.splat(nbytes);
  const queue = work + WORK_QUEUE;
  let head = queue;
  let tail = queue;
  let object = load<u32>(at);
  let bits = load<u32>(at, 8);
  at += 12;
  let scanned: u32 = 0;
  let mayPass = true;
  while (true) {
    scanned += 32 - <u32>clz(bits);
    // The bits of a span come after its slots, so that the last slot's four words are not the end of the memory.
    for (let addr = <usize>object; bits != 0; addr += 16) {
      const words = v128.load(addr);
      const m = v128.bitmask<i32>(v128.ne<i32>(words, i32x4.splat(0))) & bits & 15;
      const inside = m & v128.bitmask<i32>(v128.lt<u32>(v128.sub<i32>(words, starts), lengths));
      const outside = m ^ inside;
      v128.store(tail, v128.swizzle(words, v128.load(work + (inside << 4), WORK_COMPRESS)));
      tail += popcnt(inside) << 2;
      // A branch that the processor guesses: neighbours point at each other, or they do not.
      if (outside != 0) {
        v128.store(end, v128.swizzle(words, v128.load(work + (outside << 4), WORK_COMPRESS)));
        end += popcnt(outside) << 2;
      }
      bits >>>= 4;
    }
    // Nothing was taken off the queue yet.
    if (head == queue && mayPass && at < until && load<u32>(at, 4) == <u32>s && end < work + WORK_FOUND + (FOUND_GROUP << 2) && tail < queue + (QUEUE_GROUP << 2)) {
      object = load<u32>(at);
      bits = load<u32>(at, 8);
      at += 12;
      continue;
    }
    do {
      if (head == tail) {
        localScanned += scanned;
        visitedTo = at;
        return end;
      }
      // As many as are waiting, or were looked at.
      if (mayPass && (tail - head >= (DENSE << 2) || head >= queue + (DENSE << 2))) {
        for (; head < tail; head += 4) {
          const slot = slotOf(s, load<u32>(head));
          if (slot < load<u32>(s, SPAN_NELEMS)) hit(work, slot);
          else bad(work, load<u32>(head));
        }
        end = passes(shared, work, s, end);
        scanned += passedWords;
        head = queue;
        tail = leftEnd;
        mayPass = false;
        wasDense = true;
        object = 0;
        continue;
      }
      object = markInside(shared, work, s, start, load<u32>(head));
      head += 4;
    } while (object == 0);
    bits = bitsOf(s, object);
  }
}

/** Marks the slot of `s` that address `p` of its pages is in: its address if it was not marked before, else 0. */
@inline
function markInside(shared: bool, work: usize, s: usize, start: u32, p: u32): u32 {
  const slot = slotOf(s, p);
  if (slot >= load<u32>(s, SPAN_NELEMS)) {
    bad(work, p);
    return 0;
  }
  const word = (<usize>load<u32>(s, SPAN_FREED_BITS) + (slot >>> 5)) << 2;
  const bit: u32 = 1 << slot;
  const old = load<u32>(word);
  if (old & bit) return 0;
  if (shared) {
    if (atomic.or<u32>(word, bit) & bit) return 0;
  } else {
    store<u32>(word, old | bit);
  }
  const size = load<u32>(s, SPAN_ELEM_SIZE);
  localObjects += 1;
  localBytes += size;
  return start + slot * size;
}

/** One batch. The stack is not empty, and has room for a step. Returns the bytes scanned. */
@inline
function scanBatch(shared: bool, work: usize): u32 {
  const map = <usize>load<u32>(work, WORK_PAGE_MAP) << 2;
  const n = load<u32>(work, WORK_N);
  const batch = work + WORK_BATCH;
  const others = work + WORK_OTHERS;
  const found = work + WORK_FOUND;
  let b = batch;
  let o = others;
  let touched: u32 = 0;
  const top = work + WORK_STACK + (n << 2);
  const low = top - (min(n, batchSize) << 2);
  for (let at = low; at < top; at += 4) touched += load<u32>(load<u32>(at));
  for (let at = top; at > low; ) {
    at -= 4;
    const entry = load<u32>(at);
    const s = spanOf(map, entry);
    if (load<u32>(s, SPAN_HEAP_BITS) == 0) {
      store<u32>(o, entry);
      o += 4;
      continue;
    }
    store<u32>(b, entry);
    store<u32>(b, <u32>s, 4);
    store<u32>(b, bitsOf(s, entry), 8);
    b += 12;
  }
  store<u32>(work, <u32>(low - (work + WORK_STACK)) >>> 2, WORK_N);
  store<u32>(work, touched, WORK_TOUCHED);
  localScanned = 0;
  wasDense = false;
  localObjects = 0;
  localBytes = 0;
  let end = found;
  for (let at = batch; at < b; ) {
    end = visit(shared, work, at, b, end);
    at = visitedTo;
    if (wasDense) {
      // What was just found is near; the rest of the batch waits below it on the stack.
      for (let back = b; back > at; ) {
        back -= 12;
        pushEntry(work, load<u32>(back));
      }
      b = at;
    }
    if (end > found + (FOUND_ENOUGH << 2) || at >= b) {
      if (wasDense || !putOff(work, end)) markFound(shared, work, found, end);
      end = found;
      if (!reserve(work)) {
        for (; at < b; at += 12) pushEntry(work, load<u32>(at));
      }
    }
  }
  batchSize = wasDense ? DENSE_BATCH : min(BATCH, batchSize << 1);
  count(work, localObjects, localBytes);
  let scanned = localScanned << 2;
  for (let at = others; at < o; at += 4) {
    const entry = load<u32>(at);
    // Without room it goes back to where it came from.
    if (reserve(work)) scanned += scanTyped(work, entry);
    else pushEntry(work, entry);
  }
  return scanned;
}

@inline
function drainIn(shared: bool, work: usize, budget: u64): i32 {
  const area = <usize>load<u32>(work, WORK_DEFERRED);
  let scanned: u64 = 0;
  let result = DRAIN_BUDGET;
  while (scanned < budget) {
    if (!reserve(work)) {
      result = DRAIN_NEEDS_BUFFERS;
      break;
    }
    if (area != 0 && (load<u32>(work, WORK_N) == 0 || enoughOff(area)) && nextChunk(shared, work, area, false)) continue;
    if (load<u32>(work, WORK_N) == 0 && !refill(work)) {
      if (area != 0 && nextChunk(shared, work, area, true)) continue;
      result = DRAIN_EMPTY;
      break;
    }
    if (shared) balance(work);
    scanned += <u64>scanBatch(shared, work);
  }
  store<f64>(work, load<f64>(work, WORK_SCAN_WORK) + <f64>scanned, WORK_SCAN_WORK);
  return result;
}

/**
 * Scans until about `budget` bytes of objects were scanned (1, with more to do), nothing is left here or on the full list (0), or a buffer is
 * needed and there is none (2). `busy` is set meanwhile: whoever finds it set in the record of a dead thread knows that entries were lost.
 */
export function drain(work: usize, budget: u32): i32 {
  store<u32>(work, 1, WORK_BUSY);
  const result = load<u32>(work, WORK_EXCLUSIVE) ? drainIn(false, work, budget) : drainIn(true, work, budget);
  store<u32>(work, 0, WORK_BUSY);
  return result;
}

/** Gives all that is here to the full list; what is put off is marked first. False when a buffer is needed and there is none: the rest is still here. */
export function flushLocal(work: usize): bool {
  const area = <usize>load<u32>(work, WORK_DEFERRED);
  if (area != 0) {
    do {
      if (!reserve(work)) return false;
    } while (nextChunk(load<u32>(work, WORK_EXCLUSIVE) == 0, work, area, true));
  }
  return giveAll(work);
}

/** Marks what the `nwords` words at `addr` point at, as roots. Returns how many words were taken; fewer when a buffer is needed and there is none. */
export function markRange(work: usize, addr: usize, nwords: u32): u32 {
  let done: u32 = 0;
  while (done < nwords && reserve(work)) {
    const until = min(nwords, done + (PIECE >>> 2));
    let end = work + WORK_FOUND;
    for (let at = done; at < until; at += 32) end = pickWords(work, addr + (at << 2), min(32, until - at), 0xffffffff, end);
    markFoundByMode(work, end);
    done = until;
  }
  return done;
}

/** Marks the object that `addr` points into. False when a buffer is needed and there is none. */
export function markOne(work: usize, addr: u32): bool {
  if (!reserve(work)) return false;
  store<u32>(work, addr, WORK_FOUND);
  markFoundByMode(work, work + WORK_FOUND + 4);
  return true;
}

/** Puts the object at `addr` on the stack to be scanned, marked or not. False when a buffer is needed and there is none. */
export function scanObject(work: usize, addr: u32): bool {
  if (!reserve(work)) return false;
  const s = spanOf(<usize>load<u32>(work, WORK_PAGE_MAP) << 2, addr);
  if ((load<u32>(s, SPAN_SPAN_CLASS) & 1) == 0) pushEntry(work, load<u32>(s, SPAN_START_ADDR) + slotOf(s, addr) * load<u32>(s, SPAN_ELEM_SIZE));
  return true;
}

/** Puts every marked object of a span on the stack to be scanned (again), after an overflow. False when a buffer is needed and there is none. */
export function rescanMarked(work: usize, s: usize): bool {
  if (load<u32>(s, SPAN_SPAN_CLASS) & 1) return true;
  if (!reserve(work)) return false;
  const nelems = load<u32>(s, SPAN_NELEMS);
  const marks = <usize>load<u32>(s, SPAN_FREED_BITS) << 2;
  for (let base: u32 = 0; base < nelems; base += 32) {
    for (let bits = load<u32>(marks + (base >>> 3)); bits != 0; bits &= bits - 1) {
      pushEntry(work, load<u32>(s, SPAN_START_ADDR) + (base + <u32>ctz(bits)) * load<u32>(s, SPAN_ELEM_SIZE));
    }
  }
  return true;
}
