/**
 * Pointers that are put off, in AssemblyScript: found, and to be marked in the order of addresses.
 *
 * Where neighbours do not point at each other (an array of references, a random graph) each pointer that is found costs two or three cache misses and a miss of the
 * page tables: for its span's record, its mark, its object, its heap bits. But of 128 Ki such pointers many lead to the same span. So a marker with an area for them puts
 * them off until it has that many, or nothing else; sorts them into 1024 buckets by address, in one pass; and marks them a chunk at a time, scanning what a chunk marked
 * before the next.
 *
 *     found ──► put off (any order) ──► sort ──► sorted, from `at` to `end` ──► chunk ──► marked, on the stack
 *
 * When there is no room to put more off, what is sorted is marked to its end without a scan in between (the stack spills into buffers, still in the order of addresses),
 * and the next are sorted.
 *
 * Go 1.26 gets there by queues of spans; that takes a second bit for each object, which says whether it was scanned.
 *
 * What is put off is not marked. It is this marker's alone, and gone before the marker gives up its work (flushLocal).
 */
import { AREA_AT, AREA_COUNTS, AREA_END, AREA_N, AREA_OFF, AREA_SORTED, WORK_DEFERRED, WORK_FOUND } from "./layout";

/** Pointers that an area holds of either kind. */
const CAPACITY: u32 = 1 << 17;
/** So many are sorted although there is more to scan. */
const ENOUGH: u32 = CAPACITY - 4096;
/** Fewer found at once are not put off: a batch in which neighbours point at each other finds few outside. */
const LEAST: usize = 64;
const BUCKET_BITS: u32 = 10;
const BUCKETS: u32 = 1 << BUCKET_BITS;
const PAGE_SHIFT: u32 = 13;
/** Pointers that are marked before what they lead to is scanned: fewer than a step can push. */
export const CHUNK: u32 = 2048;

/** Puts off what was found, up to `end`; one like that before it is left out. False when there is no area, or it is full, or these are too few. */
export function putOff(work: usize, end: usize): bool {
  const area = <usize>load<u32>(work, WORK_DEFERRED);
  const found = work + WORK_FOUND;
  if (area == 0 || end - found < LEAST << 2) return false;
  const n = load<u32>(area, AREA_N);
  if (n + (<u32>(end - found) >>> 2) > CAPACITY) return false;
  let to = area + AREA_OFF + (n << 2);
  let last: u32 = 0;
  for (let at = found; at < end; at += 4) {
    const p = load<u32>(at);
    store<u32>(to, p);
    to += <usize>(p != last) << 2;
    last = p;
  }
  store<u32>(area, <u32>(to - (area + AREA_OFF)) >>> 2, AREA_N);
  return true;
}

/** Whether so many are put off that it is time to sort them. */
@inline
export function enoughOff(area: usize): bool {
  return load<u32>(area, AREA_N) >= ENOUGH;
}

@inline
function bucketOf(p: u32, low: u32, shift: u32): u32 {
  return ((p >>> PAGE_SHIFT) - low) >>> shift;
}

/** Sorts what is put off. Nothing is sorted already. False when there is nothing. */
export function sortOff(area: usize): bool {
  const n = load<u32>(area, AREA_N);
  if (n == 0) return false;
  const from = area + AREA_OFF;
  const until = from + (n << 2);
  const counts = area + AREA_COUNTS;
  let low: u32 = 0xffffffff;
  let high: u32 = 0;
  for (let at = from; at < until; at += 4) {
    const page = load<u32>(at) >>> PAGE_SHIFT;
    low = min(low, page);
    high = max(high, page);
  }
  const width: u32 = 32 - <u32>clz<u32>(high - low);
  const shift: u32 = width > BUCKET_BITS ? width - BUCKET_BITS : 0;
  memory.fill(counts, 0, BUCKETS << 2);
  for (let at = from; at < until; at += 4) {
    const count = counts + (bucketOf(load<u32>(at), low, shift) << 2);
    store<u32>(count, load<u32>(count) + 1);
  }
  let sum = <u32>area + <u32>AREA_SORTED;
  for (let count = counts, last = counts + (BUCKETS << 2); count < last; count += 4) {
    const here = load<u32>(count) << 2;
    store<u32>(count, sum);
    sum += here;
  }
  for (let at = from; at < until; at += 4) {
    const p = load<u32>(at);
    const count = counts + (bucketOf(p, low, shift) << 2);
    const to = load<u32>(count);
    store<u32>(<usize>to, p);
    store<u32>(count, to + 4);
  }
  store<u32>(area, <u32>area + <u32>AREA_SORTED, AREA_AT);
  store<u32>(area, sum, AREA_END);
  store<u32>(area, 0, AREA_N);
  return true;
}
