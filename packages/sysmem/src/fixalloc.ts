/**
 * A free list of objects of one size: the records that describe the heap (spans, specials), handed out and taken back.
 *
 * Go's fixalloc: new objects are cut from a chunk of 16 KiB, rounded down to whole objects, that persistentalloc gives;
 * freed ones form a list through their own first word and are handed out again, last freed first. Memory never goes
 * back to persistentalloc. When memory is tight the chunk is halved until even one object does not fit.
 *
 *      list ──► object ──► object ──► 0           next ──► | object | object | ... |  left words
 *
 * A reused object is zeroed if the allocator was made with `zero: true`. Span records are not: their `sweepgen` has to
 * survive, so that a thread that looks at a stale span sees an old generation, not a young one. Only the first word of a
 * freed object is overwritten.
 *
 * Invariants: carved = inUse + length of the list (objects); left is a whole number of objects; each object on the list was carved.
 * Objects start at the largest power of two that divides their size, up to a cache line (64 B).
 *
 * Every caller of `alloc`, `free` and `verify` holds the heap lock.
 */
import { ptrOf, type Ptr } from "./addr.ts";
import { SysmemError } from "./errors.ts";
import type { PersistentAlloc } from "./persistentalloc.ts";
import { record, type RecordLayout } from "./record.ts";
import type { Region } from "./region.ts";

/** Bytes of a chunk, before it is rounded down to whole objects; also the largest object. */
export const FIXALLOC_CHUNK_BYTES: number = 16 << 10;

/** Layout of one fixalloc's state. */
export const FixAllocRecord: RecordLayout<"list" | "next" | "left" | "carved" | "inUse" | "sysWords"> = record("fixalloc", 6, {
  list: { access: "lock:heap", doc: "first freed object; 0 when there is none" },
  next: { access: "lock:heap", doc: "first word of the current chunk never handed out" },
  left: { access: "lock:heap", doc: "words from there to the chunk's end" },
  carved: { access: "lock:heap", doc: "objects ever cut from chunks" },
  inUse: { access: "lock:heap", doc: "objects handed out and not freed" },
  sysWords: { access: "lock:heap", doc: "words of all chunks" },
});

const { list: LIST, next: NEXT, left: LEFT, carved: CARVED, inUse: IN_USE, sysWords: SYS_WORDS } = FixAllocRecord.offset;

const CHUNK_BYTES: number = FIXALLOC_CHUNK_BYTES;
const CACHE_LINE_BYTES = 64;

/** What a fixalloc hands out. */
export interface FixAllocOptions {
  /** Size of an object in 32-bit words; a whole number, at most 16 KiB of them. */
  readonly words: number;
  /** Whether a reused object is zeroed. A new one always is zero. */
  readonly zero: boolean;
}

/** One fixalloc's record, seen from one thread. A record of zeros is the start. Every thread must give the same options. */
export class FixAlloc {
  /** Size of an object in words. */
  readonly words: number;
  private readonly zero: boolean;
  private readonly align: number;
  private readonly mem: Int32Array;
  private readonly at: Ptr;
  private readonly persistent: PersistentAlloc;

  /** @throws SysmemError `ERR_ALLOC_SIZE` when `words` is not a positive integer of at most 16 KiB. */
  constructor(region: Region, at: Ptr, persistent: PersistentAlloc, options: FixAllocOptions) {
    const words = options.words;
    if (!Number.isInteger(words) || words < 1 || words * 4 > CHUNK_BYTES) {
      throw new SysmemError("ERR_ALLOC_SIZE", `fixalloc hands out objects of 1 to ${CHUNK_BYTES / 4} words, not ${String(words)}`);
    }
    this.words = words;
    this.zero = options.zero;
    this.align = Math.min((words & -words) * 4, CACHE_LINE_BYTES);
    this.mem = region.i32;
    this.at = at;
    this.persistent = persistent;
  }

  /** An object, or 0 when the region is full. Caller holds the heap lock. */
  alloc(): Ptr {
    const mem = this.mem;
    const at = this.at;
    const words = this.words;
    let p = mem[at + LIST]!;
    if (p !== 0) {
      mem[at + LIST] = mem[p]!;
      if (this.zero) mem.fill(0, p, p + words);
    } else {
      if (mem[at + LEFT]! < words && !this.growSlow()) return 0 as Ptr;
      p = mem[at + NEXT]!;
      mem[at + NEXT] = p + words;
      mem[at + LEFT] = mem[at + LEFT]! - words;
      mem[at + CARVED] = mem[at + CARVED]! + 1;
    }
    mem[at + IN_USE] = mem[at + IN_USE]! + 1;
    return p as Ptr;
  }

  /**
   * Takes an object back; its first word is overwritten at once. Caller holds the heap lock, and nobody uses the object.
   *
   * @throws SysmemError `ERR_FREE` for nil, for the object that was freed last, and when nothing is handed out: the cheap
   * half of what can go wrong. The rest is found by {@link verify}.
   */
  free(p: Ptr): void {
    const mem = this.mem;
    const at = this.at;
    if (p === 0 || p === mem[at + LIST] || mem[at + IN_USE] === 0) {
      throw new SysmemError("ERR_FREE", `fixalloc: object ${p} is ${p === 0 ? "nil" : "free already"}: free each object once`);
    }
    mem[p] = mem[at + LIST]!;
    mem[at + LIST] = p;
    mem[at + IN_USE] = mem[at + IN_USE]! - 1;
  }

  /** Bytes of objects handed out and not freed. Callable without the lock. */
  get inUse(): number {
    return Atomics.load(this.mem, this.at + IN_USE) * this.words * 4;
  }

  /** Bytes of all chunks. Callable without the lock. */
  get sys(): number {
    return Atomics.load(this.mem, this.at + SYS_WORDS) * 4;
  }

  /** The broken invariants, in words; none when all is well. Walks the free list. Caller holds the heap lock. */
  verify(): string[] {
    const mem = this.mem;
    const at = this.at;
    const words = this.words;
    const carved = mem[at + CARVED]!;
    const inUse = mem[at + IN_USE]!;
    const left = mem[at + LEFT]!;
    const broken: string[] = [];
    if (left < 0 || left % words !== 0) broken.push(`fixalloc: left ${left} is not a whole number of objects of ${words} words`);
    if (carved * words + left !== mem[at + SYS_WORDS]!) broken.push(`fixalloc: ${carved} objects carved and ${left} words left do not make ${mem[at + SYS_WORDS]!} words`);
    if (left !== 0 && (mem[at + NEXT]! < 1 || mem[at + NEXT]! + left > mem.length)) broken.push(`fixalloc: next ${mem[at + NEXT]!} with ${left} words left is outside the region`);
    let length = 0;
    for (let p = mem[at + LIST]!; p !== 0; p = mem[p]!) {
      if (p < 0 || p + words > mem.length || (p * 4) % this.align !== 0) {
        broken.push(`fixalloc: the free list leads to ${p}, which is no object`);
        return broken;
      }
      if (++length > carved) {
        broken.push("fixalloc: the free list does not end: an object was freed twice");
        return broken;
      }
    }
    if (inUse < 0 || inUse + length !== carved) broken.push(`fixalloc: ${inUse} objects in use and ${length} free do not make ${carved} carved`);
    return broken;
  }

  /** Gets a new chunk, a smaller one when memory is tight. Called only when the current one is spent. */
  private growSlow(): boolean {
    const size = this.words * 4;
    for (let bytes = CHUNK_BYTES; bytes >= size; bytes >>>= 1) {
      const nbytes = bytes - (bytes % size);
      const addr = this.persistent.alloc(nbytes, this.align);
      if (addr === 0) continue;
      const mem = this.mem;
      mem[this.at + NEXT] = ptrOf(addr);
      mem[this.at + LEFT] = nbytes / 4;
      mem[this.at + SYS_WORDS] = mem[this.at + SYS_WORDS]! + nbytes / 4;
      return true;
    }
    return false;
  }
}
