/**
 * The map from term to postings: a hash table made of blocks of the heap, shared by all threads.
 *
 * A term's hash picks one of 256 shards with its upper eight bits. A shard is a small hash table of its own, with its own
 * lock and its own block of slots, which grows by itself: no operation ever locks more than one shard, and threads meet
 * only when they add to the same shard in the same moment.
 *
 * ```
 *  shards (one block, 64 bytes each, so that no two share a cache line)
 *  | lock | table | capacity | terms | postings | occurrences | ... |
 *             |
 *             v   slots: open addressing, linear probing, at most 3/4 full, doubled by allocate-copy-free
 *          | hash, entry | 0, 0 | hash, entry | ...
 *                    |
 *                    v   entry: one block per term, its bytes inside
 *                 | hash | postings | used | capacity | lastFile | files | occurrences | length | t e r m ... |
 *                              |
 *                              v   postings.ts
 *                           | varints ... |
 * ```
 *
 * Invariants, whenever no thread holds the shard's lock: `terms` slots have a non-zero entry; `postings` is the sum of
 * the entries' `files`, `occurrences` the sum of theirs; a term is in exactly one slot, and no empty slot lies between its
 * home and that slot. Each change allocates all it needs first and then links it, so a heap that is full leaves the shard
 * as it was. Entries and slots refer to blocks by address (bytes); 0 is none. Fields without a note are guarded by the
 * shard's lock.
 */
import { record } from "@mallocgc/sysmem";
import type { Ledger } from "./block-heap.ts";
import { FIRST_CAPACITY, PostingReader, grownCapacity, putVarint, varintLength, zigzag } from "./postings.ts";
import { lock, unlock } from "./spin-futex.ts";

/** One shard of the map. 16 words: a cache line. */
const Shard = record("shard", 16, {
  lock: { access: "atomic", doc: "0 free, 1 held, 2 held and contended" },
  table: { access: "lock:shard", doc: "address of the slots; 0 until the first term" },
  capacity: { access: "lock:shard", doc: "number of slots, a power of two" },
  terms: { access: "lock:shard", doc: "slots in use" },
  postings: { access: "lock:shard", doc: "pairs of term and file" },
  occurrences: { access: "lock:shard", doc: "tokens" },
});

/** The head of a term's entry; the term's bytes follow it. */
const Entry = record("entry", 8, {
  hash: { access: "const", doc: "the term's hash" },
  postings: { access: "lock:shard", doc: "address of the packed postings" },
  used: { access: "lock:shard", doc: "bytes of postings" },
  capacity: { access: "lock:shard", doc: "size of the block of postings" },
  lastFile: { access: "lock:shard", doc: "file of the last posting, 0 before the first" },
  files: { access: "lock:shard", doc: "number of postings: the term's document frequency" },
  occurrences: { access: "lock:shard", doc: "sum of the postings' counts" },
  length: { access: "const", doc: "bytes of the term" },
});

const { lock: LOCK, table: TABLE, capacity: SLOTS, terms: TERMS, postings: SHARD_POSTINGS, occurrences: SHARD_OCCURRENCES } = Shard.offset;
const { hash: HASH, postings: POSTINGS, used: USED, capacity: CAPACITY, lastFile: LAST_FILE } = Entry.offset;
const { files: FILES, occurrences: OCCURRENCES, length: LENGTH } = Entry.offset;

/** Number of shards; the upper bits of a hash select one. */
export const SHARDS = 256;
const SHARD_SHIFT = 24;
const SHARD_WORDS = Shard.words;
const HEAD_BYTES = Entry.words * 4;
const SLOT_BYTES = 8;
const FIRST_SLOTS = 16;
/** Bytes of the block that holds the shards. */
export const SHARDS_BYTES: number = SHARDS * SHARD_WORDS * 4;

/** A file that holds a term, and how often. */
export interface FileCount {
  readonly file: number;
  readonly count: number;
}

/** What the map knows of one term. `top` is ordered by count, then by file. */
export interface TermInfo {
  readonly files: number;
  readonly occurrences: number;
  readonly top: readonly FileCount[];
}

/** Sums over shards. */
export interface MapTotals {
  readonly terms: number;
  readonly postings: number;
  readonly occurrences: number;
}

/** One thread's view of the map whose shards lie at `shardsAddr`. */
export class TermMap {
  private readonly i32: Int32Array;
  private readonly u8: Uint8Array;
  private readonly blocks: Ledger;
  private readonly shards: number;

  constructor(blocks: Ledger, shardsAddr: number) {
    this.i32 = blocks.i32;
    this.u8 = blocks.u8;
    this.blocks = blocks;
    this.shards = shardsAddr >>> 2;
  }

  /**
   * Adds the posting (term, file, count). A file adds each of its terms once.
   *
   * @param bytes holds the term's bytes from `start` on, `length` of them; `hash` is their `hashTerm`.
   * @throws whatever the heap throws when it is full; the map is then as it was.
   */
  add(bytes: Uint8Array, start: number, length: number, hash: number, file: number, count: number): void {
    const i32 = this.i32;
    const shard = this.shardOf(hash);
    lock(i32, shard + LOCK);
    try {
      const found = this.findLocked(shard, bytes, start, length, hash);
      if (found === 0) this.insertLocked(shard, bytes, start, length, hash, file, count);
      else this.appendLocked(found, file, count);
      i32[shard + SHARD_POSTINGS]!++;
      i32[shard + SHARD_OCCURRENCES]! += count;
    } finally {
      unlock(i32, shard + LOCK);
    }
  }

  /** What is known of a term, with the `top` files that hold it most often; undefined when no file does. */
  lookup(bytes: Uint8Array, length: number, hash: number, top: number): TermInfo | undefined {
    const { i32, u8 } = this;
    const shard = this.shardOf(hash);
    lock(i32, shard + LOCK);
    try {
      const addr = this.findLocked(shard, bytes, 0, length, hash);
      if (addr === 0) return undefined;
      const e = addr >>> 2;
      const best: FileCount[] = [];
      const reader = new PostingReader(u8, i32[e + POSTINGS]! >>> 0, i32[e + USED]!);
      while (reader.next()) keepTop(best, top, reader.file, reader.count);
      return { files: i32[e + FILES]!, occurrences: i32[e + OCCURRENCES]! >>> 0, top: best };
    } finally {
      unlock(i32, shard + LOCK);
    }
  }

  /** The sums of all shards, each taken under its lock; exact when no thread is adding. */
  totals(): MapTotals {
    const i32 = this.i32;
    let [terms, postings, occurrences] = [0, 0, 0];
    for (let n = 0; n < SHARDS; n++) {
      const shard = this.shards + n * SHARD_WORDS;
      lock(i32, shard + LOCK);
      terms += i32[shard + TERMS]!;
      postings += i32[shard + SHARD_POSTINGS]!;
      occurrences += i32[shard + SHARD_OCCURRENCES]! >>> 0;
      unlock(i32, shard + LOCK);
    }
    return { terms, postings, occurrences };
  }

  /** Frees every block of shard `n`, and leaves it empty. */
  freeShard(n: number): void {
    const i32 = this.i32;
    const shard = this.shards + n * SHARD_WORDS;
    lock(i32, shard + LOCK);
    try {
      const table = i32[shard + TABLE]! >>> 0;
      const slots = i32[shard + SLOTS]!;
      const first = table >>> 2;
      for (let slot = 0; slot < slots; slot++) {
        const addr = i32[first + slot * 2 + 1]! >>> 0;
        if (addr === 0) continue;
        const e = addr >>> 2;
        const length = i32[e + LENGTH]!;
        this.blocks.free(i32[e + POSTINGS]! >>> 0, i32[e + CAPACITY]!);
        this.blocks.free(addr, HEAD_BYTES + length);
      }
      if (table !== 0) this.blocks.free(table, slots * SLOT_BYTES);
      i32.fill(0, shard + TABLE, shard + SHARD_WORDS);
    } finally {
      unlock(i32, shard + LOCK);
    }
  }

  private shardOf(hash: number): number {
    return this.shards + (hash >>> SHARD_SHIFT) * SHARD_WORDS;
  }

  /** The address of the term's entry, or 0. */
  private findLocked(shard: number, bytes: Uint8Array, start: number, length: number, hash: number): number {
    const i32 = this.i32;
    const table = i32[shard + TABLE]! >>> 2;
    if (table === 0) return 0;
    const mask = i32[shard + SLOTS]! - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const addr = i32[table + slot * 2 + 1]! >>> 0;
      if (addr === 0) return 0;
      if (i32[table + slot * 2] === hash && this.holds(addr, bytes, start, length)) return addr;
    }
  }

  private holds(addr: number, bytes: Uint8Array, start: number, length: number): boolean {
    if (this.i32[(addr >>> 2) + LENGTH] !== length) return false;
    const u8 = this.u8;
    const at = addr + HEAD_BYTES;
    for (let i = 0; i < length; i++) if (u8[at + i] !== bytes[start + i]) return false;
    return true;
  }

  private insertLocked(
    shard: number,
    bytes: Uint8Array,
    start: number,
    length: number,
    hash: number,
    file: number,
    count: number,
  ): void {
    const { i32, u8, blocks } = this;
    const terms = i32[shard + TERMS]! + 1;
    if (terms * 4 > i32[shard + SLOTS]! * 3) this.growLocked(shard);
    const addr = blocks.malloc(HEAD_BYTES + length);
    const e = addr >>> 2;
    try {
      const capacity = Math.max(FIRST_CAPACITY, grownCapacity(0, varintLength(zigzag(file)) + varintLength(count)));
      i32[e + POSTINGS] = blocks.malloc(capacity);
      i32[e + CAPACITY] = capacity;
    } catch (error) {
      blocks.free(addr, HEAD_BYTES + length);
      throw error;
    }
    i32[e + HASH] = hash;
    i32[e + LENGTH] = length;
    for (let i = 0; i < length; i++) u8[addr + HEAD_BYTES + i] = bytes[start + i]!;
    this.appendLocked(addr, file, count);
    putSlot(i32, i32[shard + TABLE]! >>> 2, i32[shard + SLOTS]! - 1, hash, addr);
    i32[shard + TERMS] = terms;
  }

  private appendLocked(addr: number, file: number, count: number): void {
    const { i32, u8 } = this;
    const e = addr >>> 2;
    const difference = zigzag(file - i32[e + LAST_FILE]!);
    const used = i32[e + USED]!;
    const needed = used + varintLength(difference) + varintLength(count);
    if (needed > i32[e + CAPACITY]!) this.growPostingsLocked(e, needed);
    const at = putVarint(u8, (i32[e + POSTINGS]! >>> 0) + used, difference);
    putVarint(u8, at, count);
    i32[e + USED] = needed;
    i32[e + LAST_FILE] = file;
    i32[e + FILES]!++;
    i32[e + OCCURRENCES]! += count;
  }

  private growPostingsLocked(e: number, needed: number): void {
    const { i32, u8, blocks } = this;
    const old = i32[e + POSTINGS]! >>> 0;
    const oldCapacity = i32[e + CAPACITY]!;
    const capacity = grownCapacity(oldCapacity, needed);
    const addr = blocks.malloc(capacity);
    u8.copyWithin(addr, old, old + i32[e + USED]!);
    i32[e + POSTINGS] = addr;
    i32[e + CAPACITY] = capacity;
    blocks.free(old, oldCapacity);
  }

  private growLocked(shard: number): void {
    const { i32, blocks } = this;
    const old = i32[shard + TABLE]! >>> 0;
    const oldSlots = i32[shard + SLOTS]!;
    const slots = oldSlots === 0 ? FIRST_SLOTS : oldSlots * 2;
    const addr = blocks.malloc(slots * SLOT_BYTES);
    const from = old >>> 2;
    for (let slot = 0; slot < oldSlots; slot++) {
      const entry = i32[from + slot * 2 + 1]!;
      if (entry !== 0) putSlot(i32, addr >>> 2, slots - 1, i32[from + slot * 2]!, entry);
    }
    i32[shard + TABLE] = addr;
    i32[shard + SLOTS] = slots;
    if (old !== 0) blocks.free(old, oldSlots * SLOT_BYTES);
  }
}

/** Puts an entry that is not in the table into the first free slot from its home on. */
function putSlot(i32: Int32Array, table: number, mask: number, hash: number, entry: number): void {
  let slot = hash & mask;
  while (i32[table + slot * 2 + 1] !== 0) slot = (slot + 1) & mask;
  i32[table + slot * 2] = hash;
  i32[table + slot * 2 + 1] = entry;
}

/** Keeps the `limit` best of what was offered so far: highest count first, then lowest file. */
function keepTop(best: FileCount[], limit: number, file: number, count: number): void {
  let at = best.length;
  while (at > 0 && (best[at - 1]!.count < count || (best[at - 1]!.count === count && best[at - 1]!.file > file))) at--;
  if (at >= limit) return;
  best.splice(at, 0, { file, count });
  if (best.length > limit) best.pop();
}
