/**
 * Passes over a span, in AssemblyScript: all that is reachable inside one span of small objects is scanned at once, in address order.
 *
 * Two bytes for each slot, and no queue:
 *
 *     hits    0xff: something points at the slot             written for each pointer, without a look at what was there
 *     white   0xff: neither marked nor scanned               made from the mark bits, 32 slots at a time, when a group is reached
 *
 *     a pass:   for each group of 32 slots that has a hit: for each slot, from the lowest: hit and white? then it is no longer white, and what it
 *               points at in this span is hit. Then the marks of what was scanned are set, all by one atomic or
 *
 * What points forward, as programs build trees and lists, is found in the pass that found the object itself. What points backward within
 * the group is found when the group is run over again, and else by the next pass; the last pass finds nothing. The processor guesses that the next slot
 * is hit like the one before, so it need not wait for the pointer that says so, and reads ahead; the order of addresses is the one its prefetcher knows.
 *
 * Where pointers go back and forth (a list in random order) a run over a group finds one or two objects, for the price of 32. When that
 * shows, the passes end, and the slots that are hit and not scanned are given back as addresses, for a visit to go on with one by one.
 *
 * An object is marked after it was scanned, not before. Two markers in one span may thus both scan an object, which is no harm; who set the bit counts it. Nothing
 * else asks in between: a span's objects are held by their marks only when nobody marks any more.
 *
 * The hits are zero between two calls. What points out of the span, or is nil, or is no pointer, hits slot -1: the byte before the first.
 */
import {
  SPAN_DIV_MAGIC, SPAN_ELEM_SIZE, SPAN_FREED_BITS, SPAN_HEAP_BITS, SPAN_NELEMS, SPAN_START_ADDR, WORK_COMPRESS, WORK_HITS, WORK_LANES,
  WORK_MARKED_BYTES, WORK_MARKED_OBJECTS, WORK_QUEUE, WORK_WHITE,
} from "./layout";

/** Slots that are handled together: those whose marks are one word. */
const GROUP: usize = 32;
/** Runs over a group in one pass, as long as each finds something. */
const MAX_RUNS: u32 = 4;
/** Objects that a run has to find on average, so that it costs less than a visit of each; and how many may be missing at first. */
const WORTH: u32 = 3;
const CREDIT: u32 = 24;

/** Words that the last call of `passes` scanned. */
export let passedWords: u32 = 0;
/** Where the addresses end that it left in the record's queue. */
export let leftEnd: usize = 0;

/** Notes that slot `slot` is pointed at. */
@inline
export function hit(work: usize, slot: u32): void {
  store<u8>(work + slot, 0xff, WORK_HITS);
}

/** Makes the group at `at` white but for the slots whose bits are set in `marks`. */
@inline
function whiten(at: usize, marks: u32): void {
  const bits = i64x2.splat(0x8040201008040201);
  const words = i32x4.splat(~marks);
  const low = v128.swizzle(words, i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
  const high = v128.swizzle(words, i8x16(2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3));
  v128.store(at, v128.eq<i8>(v128.and(low, bits), bits), WORK_WHITE);
  v128.store(at, v128.eq<i8>(v128.and(high, bits), bits), WORK_WHITE + 16);
}

/** The bits of 32 bytes at `at`: which are 0xff. */
@inline
function bitsOfBytes(at: usize): u32 {
  return v128.bitmask<i8>(v128.load(at)) | (v128.bitmask<i8>(v128.load(at, 16)) << 16);
}

/** Whether the group at `at` has a slot that is hit and white. */
@inline
function anyGrey(at: usize): bool {
  return v128.any_true(v128.or(
    v128.and(v128.load(at, WORK_HITS), v128.load(at, WORK_WHITE)),
    v128.and(v128.load(at, WORK_HITS + 16), v128.load(at, WORK_WHITE + 16)),
  ));
}

/** Forgets the hits of the group at `at` that are not white: they were dealt with. */
@inline
function keepGrey(at: usize): void {
  v128.store(at, v128.and(v128.load(at, WORK_HITS), v128.load(at, WORK_WHITE)), WORK_HITS);
  v128.store(at, v128.and(v128.load(at, WORK_HITS + 16), v128.load(at, WORK_WHITE + 16)), WORK_HITS + 16);
}

/** The heap bits of the slot at `at` (the record's address and the slot's number). Those of sizes that are powers of two begin at a multiple of their number. */
@inline
function slotBits(size: u32, heapBits: usize, work: usize, at: usize): u32 {
  if (size == 32) return load<u8>(at + (heapBits - work));
  const slot = at - work;
  if (size == 16) return (<u32>load<u8>(heapBits + (slot >>> 1)) >>> ((<u32>slot & 1) << 2)) & 15;
  if (size == 64) return load<u16>(heapBits + (slot << 1));
  const w = <u32>slot * (size >>> 2);
  return <u32>(load<u64>(heapBits + (w >>> 3)) >>> (w & 7)) & (<u32>0xffffffff >>> (32 - (size >>> 2)));
}

/** Four offsets divided by the slots' size: by a shift if that is known, else as in `slotOf`. */
@inline
function slotsOf(fixed: u32, offsets: v128, magics: v128): v128 {
  if (fixed != 0) return v128.shr<u32>(offsets, ctz(fixed));
  const low = i64x2.extmul_low_i32x4_u(offsets, magics);
  const high = i64x2.extmul_high_i32x4_u(offsets, magics);
  return v128.shuffle<i32>(low, high, 1, 3, 5, 7);
}

/** Stores at the two bytes whose numbers are the halves of `two`. */
@inline
function hitTwo(hits: usize, two: u64): void {
  store<u8>(hits + <u32>two, 0xff);
  store<u8>(hits + <u32>(two >>> 32), 0xff);
}

/** See above. `fixed` is the slots' size as a constant; 0 when it is some other. */
@inline
function passesOf(fixed: u32, shared: bool, work: usize, s: usize, end: usize): usize {
  const size = fixed != 0 ? fixed : load<u32>(s, SPAN_ELEM_SIZE);
  const start = load<u32>(s, SPAN_START_ADDR);
  const nelems = load<u32>(s, SPAN_NELEMS);
  const marks = <usize>load<u32>(s, SPAN_FREED_BITS) << 2;
  const heapBits = <usize>load<u32>(s, SPAN_HEAP_BITS) << 2;
  const lanes = v128.load(work, WORK_LANES);
  const starts = i32x4.splat(start);
  const before = i32x4.splat(start - size);
  const lasts = i32x4.splat(nelems * size - 1);
  const magics = i32x4.splat(load<u32>(s, SPAN_DIV_MAGIC));
  const hits = work + WORK_HITS - 1;
  let unscanned: u32 = 0;
  let scanned: u32 = 0;
  let objects: u32 = 0;
  let runs: u32 = 0;
  let more: bool;
  do {
    more = false;
    for (let group: usize = 0; group < nelems; group += GROUP) {
      const first = work + group;
      if (!v128.any_true(v128.or(v128.load(first, WORK_HITS), v128.load(first, WORK_HITS + 16)))) continue;
      const word = marks + (group >>> 3);
      const old = load<u32>(word);
      whiten(first, old);
      for (let left = MAX_RUNS; left != 0 && anyGrey(first); left--) {
        more = true;
        runs += 1;
        let object = <usize>start + group * size;
        for (let at = first, until = first + GROUP; at < until; at++, object += size) {
          if ((load<u8>(at, WORK_HITS) & load<u8>(at, WORK_WHITE)) == 0) continue;
          store<u8>(at, 0, WORK_WHITE);
          let bits = slotBits(size, heapBits, work, at);
          unscanned += <u32>clz(bits);
          let addr = object;
          while (true) {
            // What is no pointer becomes nil, and nil is not inside.
            const words = v128.and(v128.load(addr), v128.eq<i32>(v128.and(i32x4.splat(bits), lanes), lanes));
            const offsets = v128.sub<i32>(words, starts);
            const inside = v128.eq<i32>(v128.min<u32>(offsets, lasts), offsets);
            const slots = v128.and(slotsOf(fixed, v128.sub<i32>(words, before), magics), inside);
            hitTwo(hits, v128.extract_lane<u64>(slots, 0));
            if (bits & 12) hitTwo(hits, v128.extract_lane<u64>(slots, 1));
            const outside = v128.andnot(words, inside);
            if (v128.any_true(outside)) {
              const m = v128.bitmask<i32>(v128.ne<i32>(outside, i32x4.splat(0)));
              v128.store(end, v128.swizzle(words, v128.load(work + (m << 4), WORK_COMPRESS)));
              end += popcnt(m) << 2;
            }
            if (fixed == 16) break;
            bits >>>= 4;
            if (bits == 0) break;
            addr += 16;
          }
        }
      }
      let fresh = ~(bitsOfBytes(first + WORK_WHITE) | old);
      keepGrey(first);
      if (fresh != 0) {
        scanned += popcnt(fresh);
        if (shared) fresh &= ~atomic.or<u32>(word, fresh);
        else store<u32>(word, old | fresh);
        objects += popcnt(fresh);
      }
    }
  } while (more && runs * WORTH <= scanned + CREDIT);
  leftEnd = more ? giveBack(work, start, size, nelems) : work + WORK_QUEUE;
  passedWords = scanned * 32 - unscanned;
  store<f64>(work, load<f64>(work, WORK_MARKED_OBJECTS) + <f64>objects, WORK_MARKED_OBJECTS);
  store<f64>(work, load<f64>(work, WORK_MARKED_BYTES) + <f64>(<u64>objects * size), WORK_MARKED_BYTES);
  return end;
}

/** Moves the hits into the record's queue, as addresses; where these end. */
function giveBack(work: usize, start: u32, size: u32, nelems: u32): usize {
  let to = work + WORK_QUEUE;
  for (let group: usize = 0; group < nelems; group += GROUP) {
    const at = work + group + WORK_HITS;
    for (let bits = bitsOfBytes(at); bits != 0; bits &= bits - 1) {
      store<u32>(to, start + (<u32>group + <u32>ctz(bits)) * size);
      to += 4;
    }
    v128.store(at, i32x4.splat(0));
    v128.store(at, i32x4.splat(0), 16);
  }
  return to;
}

// One function for each size, so that the compiler does not make them into one again that asks for the size in its innermost loop.
function passes16(shared: bool, work: usize, s: usize, end: usize): usize {
  return passesOf(16, shared, work, s, end);
}

function passes32(shared: bool, work: usize, s: usize, end: usize): usize {
  return passesOf(32, shared, work, s, end);
}

function passes64(shared: bool, work: usize, s: usize, end: usize): usize {
  return passesOf(64, shared, work, s, end);
}

function passesAny(shared: bool, work: usize, s: usize, end: usize): usize {
  return passesOf(0, shared, work, s, end);
}

/**
 * Marks and scans what is hit in `s`, a span with heap bits, and what is reachable from it inside. Pointers out of the span go to `end`; returns the
 * new end. What is left goes to the record's queue, up to `leftEnd`; most often that is nothing.
 */
export function passes(shared: bool, work: usize, s: usize, end: usize): usize {
  switch (load<u32>(s, SPAN_ELEM_SIZE)) {
    case 16: return passes16(shared, work, s, end);
    case 32: return passes32(shared, work, s, end);
    case 64: return passes64(shared, work, s, end);
    default: return passesAny(shared, work, s, end);
  }
}
