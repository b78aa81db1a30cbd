/**
 * The work of marking, in AssemblyScript: a marker's stack, and the lists of buffers through which markers share.
 *
 * A marker pushes and pops on a stack in its own record. What is too much for the stack goes, oldest entries first, into buffers on the list
 * `full`, from which any marker takes; buffers without entries are on the list `empty`. Both are Treiber stacks: a head of 64 bits is the word index of the first
 * buffer and a tag that each change adds 1 to, so that a compare-and-swap fails if the same buffer came back in between. A buffer is never
 * given back, so reading the `next` of one that somebody else just took reads an old word, and the swap fails.
 */
import {
  BUF_ENTRIES, BUF_N, BUF_NEXT, LISTS_EMPTY, LISTS_FULL, LISTS_OVERFLOW, WORK_LISTS, WORK_MAY_DROP, WORK_N, WORK_STACK,
} from "./layout";

/** Entries of a buffer of 2048 bytes. */
export const BUF_CAPACITY: u32 = 510;
/** Entries of a marker's stack. */
export const STACK_CAPACITY: u32 = 4096;
/** The most entries that one step of marking pushes (a visit of a page full of pointers, and what was found before): it begins with so much room. */
export const STEP_MAX: u32 = 2560;
/**
 * A marker with more entries than this gives half of them away when the full list is empty (Go: 4). Walked depth first, a whole heap has few
 * entries, and the oldest lead to most.
 */
const BALANCE_ABOVE: u32 = 8;

/** The lists that the marker of `work` shares with others. */
@inline
export function listsOf(work: usize): usize {
  return <usize>load<u32>(work, WORK_LISTS) << 2;
}

/** Puts the buffer at `buf` on the list whose head is at `head`. */
export function putBuffer(head: usize, buf: usize): void {
  let old = atomic.load<u64>(head);
  while (true) {
    atomic.store<u32>(buf, <u32>old, BUF_NEXT);
    const seen = atomic.cmpxchg<u64>(head, old, (((old >>> 32) + 1) << 32) | <u64>(buf >>> 2));
    if (seen == old) return;
    old = seen;
  }
}

/** Takes a buffer off the list whose head is at `head`; 0 when there is none. */
export function takeBuffer(head: usize): usize {
  let old = atomic.load<u64>(head);
  while (true) {
    const buf = <usize>(<u32>old) << 2;
    if (buf == 0) return 0;
    const next = atomic.load<u32>(buf, BUF_NEXT);
    const seen = atomic.cmpxchg<u64>(head, old, (((old >>> 32) + 1) << 32) | <u64>next);
    if (seen == old) return buf;
    old = seen;
  }
}

/** Puts an entry on the marker's stack, which has room. */
@inline
export function pushEntry(work: usize, entry: u32): void {
  const n = load<u32>(work, WORK_N);
  store<u32>(work + (n << 2), entry, WORK_STACK);
  store<u32>(work, n + 1, WORK_N);
}

/**
 * Hands the `k` oldest entries of the stack to the full list: they are the ones that lead to most, and the newest are in the cache. False when
 * there is no buffer to be had; but if the marker may drop, they are dropped and the overflow noted.
 */
export function giveOldest(work: usize, k: u32): bool {
  const lists = listsOf(work);
  const stack = work + WORK_STACK;
  const buf = takeBuffer(lists + LISTS_EMPTY);
  if (buf == 0) {
    if (load<u32>(work, WORK_MAY_DROP) == 0) return false;
    atomic.store<u32>(lists, 1, LISTS_OVERFLOW);
  } else {
    memory.copy(buf + BUF_ENTRIES, stack, k << 2);
    store<u32>(buf, k, BUF_N);
    putBuffer(lists + LISTS_FULL, buf);
  }
  const left = load<u32>(work, WORK_N) - k;
  memory.copy(stack, stack + (k << 2), left << 2);
  store<u32>(work, left, WORK_N);
  return true;
}

/** Makes room for a step on the marker's stack. False when it needs a buffer and there is none. */
export function reserve(work: usize): bool {
  while (load<u32>(work, WORK_N) > STACK_CAPACITY - STEP_MAX) {
    if (!giveOldest(work, BUF_CAPACITY)) return false;
  }
  return true;
}

/** Gives everything on the marker's stack to the full list. False when there were not enough buffers: the rest is still on the stack. */
export function giveAll(work: usize): bool {
  for (let n = load<u32>(work, WORK_N); n != 0; n = load<u32>(work, WORK_N)) {
    if (!giveOldest(work, min(n, BUF_CAPACITY))) return false;
  }
  return true;
}

/** Gives half of the stack away if nobody else would find work. No buffer to give it in is no harm. */
@inline
export function balance(work: usize): void {
  const n = load<u32>(work, WORK_N);
  if (n > BALANCE_ABOVE && <u32>atomic.load<u64>(listsOf(work), LISTS_FULL) == 0) {
    const buf = <u32>atomic.load<u64>(listsOf(work), LISTS_EMPTY);
    if (buf != 0) giveOldest(work, min(n >>> 1, BUF_CAPACITY));
  }
}

/** Takes a buffer of the full list onto the marker's stack, which is empty. False when there is none. */
export function refill(work: usize): bool {
  const lists = listsOf(work);
  const buf = takeBuffer(lists + LISTS_FULL);
  if (buf == 0) return false;
  const n = load<u32>(buf, BUF_N);
  memory.copy(work + WORK_STACK, buf + BUF_ENTRIES, n << 2);
  store<u32>(work, n, WORK_N);
  putBuffer(lists + LISTS_EMPTY, buf);
  return true;
}

/** Makes `nbytes` of memory at `addr` into buffers of 2048 bytes on the empty list. */
export function addEmpty(lists: usize, addr: usize, nbytes: u32): void {
  for (let at: u32 = 0; at + 2048 <= nbytes; at += 2048) putBuffer(lists + LISTS_EMPTY, addr + at);
}
