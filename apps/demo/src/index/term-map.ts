/**
 * The map from term to postings: a hash table of typed objects, shared by all threads.
 *
 * A term's hash picks one of 256 shards with its upper eight bits. A shard is a small hash table of its own, with its own
 * mutex and its own slots, which grow by themselves: no operation ever locks more than one shard, and threads meet
 * only when they add to the same shard in the same moment.
 *
 * ```
 *  Shards: | shard | shard | ...
 *              |
 *              v   Shard, 64 bytes, so that no two share a cache line
 *          | lock | slots | terms | postings | occurrences | asked | ... |
 *                     |
 *                     v   Slots: open addressing, linear probing, at most 3/4 full, replaced by one twice as long
 *                  | hash, entry | 0, nil | hash, entry | ...
 *                            |
 *                            v   Entry, one per term
 *                         | hash | files | occurrences | lastFile | used | term | postings |
 *                                                                          |        |
 *                                                                          v        v   postings.ts
 *                                                                       | bytes | | varints ... |
 * ```
 *
 * Nothing is ever freed: what is replaced is garbage as soon as no pointer leads to it, and so is a whole map. Invariants, whenever no thread
 * holds the shard's mutex: `terms` slots have an entry; `postings` is the sum of the entries' `files`, `occurrences` the sum of
 * theirs, `asked` the bytes of all that the shard leads to; a term is in exactly one slot, and no empty slot lies between its home and that slot.
 * Each change allocates all it needs first and then links it, so a heap that is full leaves the shard as it was.
 *
 * A map is a ref to its shards, and with all other refs it is valid in one turn: what a method takes or returns is void after `heap.safepoint()`.
 * Entries neither move nor go while their map lives, so an entry found may be read and written for the rest of the turn.
 */
import { type Bound, type Heap, type Ref, array, fixed, i32, mutex, ref, struct, u32 } from "@mallocgc/runtime";
import { FIRST_CAPACITY, Octets, PostingReader, grownCapacity, putVarint, varintLength, zigzag } from "./postings.ts";
import { OBJECT_HEAD, Requests } from "./requests.ts";

/** A term. */
const Entry = struct("TermEntry", {
  /** The term's hash. */
  hash: i32,
  /** Number of postings: the term's document frequency. */
  files: u32,
  /** Sum of the postings' counts. */
  occurrences: u32,
  /** File of the last posting, 0 before the first. */
  lastFile: u32,
  /** Bytes of postings. */
  used: u32,
  /** The term's bytes. */
  term: ref(Octets),
  postings: ref(Octets),
});

const Slot = struct("TermSlot", { hash: i32, entry: ref(Entry) });
const Slots = array(Slot);

const Shard = struct("TermShard", {
  /** Guards all the shard leads to. */
  lock: mutex,
  slots: ref(Slots),
  /** Slots in use. */
  terms: u32,
  /** Pairs of term and file. */
  postings: u32,
  /** Tokens. */
  occurrences: u32,
  /** Bytes that were asked for, for all objects that the shard leads to. */
  asked: u32,
  /** The rest of the cache line. */
  pad: fixed(u32, 10),
});

/** A map: its shards. */
export const Shards = array(ref(Shard));

export type ShardsRef = Ref;
export type EntryRef = Ref<"TermEntry">;

/** Number of shards; the upper bits of a hash select one. */
const SHARDS = 256;
const SHARD_SHIFT = 24;
const FIRST_SLOTS = 16;
const SHARD_BYTES = 64;
const ENTRY_BYTES = 28;
const SLOT_BYTES = 8;
const NIL = 0 as Ref<never>;

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

/** Sums over shards. `askedBytes`: of all objects of the map, as they were asked for. */
export interface MapTotals {
  readonly terms: number;
  readonly postings: number;
  readonly occurrences: number;
  readonly askedBytes: number;
}

/** One thread's way to the maps of a heap. */
export class TermMap {
  /** The fields of entries. */
  readonly entry: Bound<typeof Entry>;
  private readonly heap: Heap;
  private readonly requests: Requests;
  private readonly octets: Bound<typeof Octets>;
  private readonly shard: Bound<typeof Shard>;
  private readonly shards: Bound<typeof Shards>;
  private readonly slots: Bound<typeof Slots>;

  constructor(heap: Heap, requests: Requests = new Requests()) {
    this.heap = heap;
    this.requests = requests;
    this.entry = heap.type(Entry);
    this.octets = heap.type(Octets);
    this.shard = heap.type(Shard);
    this.shards = heap.type(Shards);
    this.slots = heap.type(Slots);
  }

  /** A new, empty map. @throws HeapExhaustedError. */
  create(): ShardsRef {
    const map = this.heap.alloc(this.shards, SHARDS);
    this.requests.note(OBJECT_HEAD + SHARDS * 4);
    for (let i = 0; i < SHARDS; i++) {
      this.shards.at.set(map, i, this.heap.alloc(this.shard));
      this.requests.note(SHARD_BYTES);
    }
    return map;
  }

  /**
   * Adds the posting (term, file, count). A file adds each of its terms once.
   *
   * @param bytes holds the term's bytes from `start` on, `length` of them; `hash` is their `hashTerm`.
   * @throws HeapExhaustedError when the heap is full; the map is then as it was.
   */
  add(map: ShardsRef, bytes: Uint8Array, start: number, length: number, hash: number, file: number, count: number): void {
    const { shard: Shard } = this;
    const shard = this.shardOf(map, hash);
    Shard.lock.lock(shard);
    try {
      const found = this.findLocked(shard, bytes, start, length, hash);
      if (found === 0) this.insertLocked(shard, bytes, start, length, hash, file, count);
      else this.appendLocked(shard, found, file, count);
      Shard.postings.set(shard, Shard.postings.get(shard) + 1);
      Shard.occurrences.set(shard, Shard.occurrences.get(shard) + count);
    } finally {
      Shard.lock.unlock(shard);
    }
  }

  /** The term's entry, or nil. */
  find(map: ShardsRef, bytes: Uint8Array, start: number, length: number, hash: number): EntryRef {
    const shard = this.shardOf(map, hash);
    this.shard.lock.lock(shard);
    const found = this.findLocked(shard, bytes, start, length, hash);
    this.shard.lock.unlock(shard);
    return found;
  }

  /** Calls `visit` for each posting of a term, in the order in which they were added, with the shard locked. What `visit` throws is thrown. */
  forEachPosting(map: ShardsRef, bytes: Uint8Array, hash: number, visit: (file: number, count: number) => void): Omit<TermInfo, "top"> {
    const { shard: Shard, entry: Entry } = this;
    const shard = this.shardOf(map, hash);
    Shard.lock.lock(shard);
    try {
      const entry = this.findLocked(shard, bytes, 0, bytes.length, hash);
      if (entry === 0) return { files: 0, occurrences: 0 };
      const reader = new PostingReader(this.octets.at, Entry.postings.get(entry), Entry.used.get(entry));
      while (reader.next()) visit(reader.file, reader.count);
      return { files: Entry.files.get(entry), occurrences: Entry.occurrences.get(entry) };
    } finally {
      Shard.lock.unlock(shard);
    }
  }

  /** What is known of a term, with the `limit` files that hold it most often. */
  lookup(map: ShardsRef, bytes: Uint8Array, hash: number, limit: number): TermInfo {
    const top: FileCount[] = [];
    const known = this.forEachPosting(map, bytes, hash, (file, count) => {
      keepTop(top, limit, file, count);
    });
    return { ...known, top };
  }

  /** The sums of all shards, each taken under its mutex; exact when no thread is adding. */
  totals(map: ShardsRef): MapTotals {
    const { shard: Shard } = this;
    let [terms, postings, occurrences, askedBytes] = [0, 0, 0, OBJECT_HEAD + SHARDS * (4 + SHARD_BYTES)];
    for (let i = 0; i < SHARDS; i++) {
      const shard = this.shards.at.get(map, i);
      Shard.lock.lock(shard);
      terms += Shard.terms.get(shard);
      postings += Shard.postings.get(shard);
      occurrences += Shard.occurrences.get(shard);
      askedBytes += Shard.asked.get(shard);
      Shard.lock.unlock(shard);
    }
    return { terms, postings, occurrences, askedBytes };
  }

  private shardOf(map: ShardsRef, hash: number): Ref<"TermShard"> {
    return this.shards.at.get(map, hash >>> SHARD_SHIFT);
  }

  private findLocked(shard: Ref<"TermShard">, bytes: Uint8Array, start: number, length: number, hash: number): EntryRef {
    const slots = this.shard.slots.get(shard);
    if (slots === 0) return NIL;
    const { hash: hashes, entry: entries } = this.slots.at;
    const mask = this.slots.length(slots) - 1;
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const entry = entries.get(slots, i);
      if (entry === 0) return NIL;
      if (hashes.get(slots, i) === hash && this.holds(entry, bytes, start, length)) return entry;
    }
  }

  private holds(entry: EntryRef, bytes: Uint8Array, start: number, length: number): boolean {
    const octets = this.octets;
    const term = this.entry.term.get(entry);
    if (octets.length(term) !== length) return false;
    for (let i = 0; i < length; i++) if (octets.at.get(term, i) !== bytes[start + i]) return false;
    return true;
  }

  private insertLocked(shard: Ref<"TermShard">, bytes: Uint8Array, start: number, length: number, hash: number, file: number, count: number): void {
    const { shard: Shard, entry: Entry, octets } = this;
    const terms = Shard.terms.get(shard) + 1;
    this.makeRoomLocked(shard, terms);
    const needed = varintLength(zigzag(file)) + varintLength(count);
    const capacity = needed <= FIRST_CAPACITY ? FIRST_CAPACITY : grownCapacity(FIRST_CAPACITY, needed);
    const term = this.newOctets(length);
    const postings = this.newOctets(capacity);
    const entry = this.heap.alloc(Entry);
    this.requests.note(ENTRY_BYTES);
    for (let i = 0; i < length; i++) octets.at.set(term, i, bytes[start + i]!);
    Entry.hash.set(entry, hash);
    Entry.term.set(entry, term);
    Entry.postings.set(entry, postings);
    this.appendLocked(shard, entry, file, count);
    this.put(Shard.slots.get(shard), hash, entry);
    Shard.terms.set(shard, terms);
    this.ask(shard, ENTRY_BYTES + 2 * OBJECT_HEAD + length + capacity);
  }

  private appendLocked(shard: Ref<"TermShard">, entry: EntryRef, file: number, count: number): void {
    const { entry: Entry } = this;
    const octets = this.octets.at;
    const difference = zigzag(file - Entry.lastFile.get(entry));
    const used = Entry.used.get(entry);
    const needed = used + varintLength(difference) + varintLength(count);
    let postings = Entry.postings.get(entry);
    if (needed > this.octets.length(postings)) postings = this.growPostingsLocked(shard, entry, needed);
    const at = putVarint(octets, postings, used, difference);
    putVarint(octets, postings, at, count);
    Entry.used.set(entry, needed);
    Entry.lastFile.set(entry, file);
    Entry.files.set(entry, Entry.files.get(entry) + 1);
    Entry.occurrences.set(entry, Entry.occurrences.get(entry) + count);
  }

  private growPostingsLocked(shard: Ref<"TermShard">, entry: EntryRef, needed: number): Ref {
    const { entry: Entry, octets } = this;
    const old = Entry.postings.get(entry);
    const capacity = grownCapacity(octets.length(old), needed);
    const postings = this.newOctets(capacity);
    for (let i = Entry.used.get(entry) - 1; i >= 0; i--) octets.at.set(postings, i, octets.at.get(old, i));
    Entry.postings.set(entry, postings);
    this.ask(shard, capacity - octets.length(old));
    return postings;
  }

  /** Sees to it that `terms` terms take no more than 3/4 of the slots. */
  private makeRoomLocked(shard: Ref<"TermShard">, terms: number): void {
    const { shard: Shard, slots: Slots } = this;
    const old = Shard.slots.get(shard);
    const length = old === 0 ? 0 : Slots.length(old);
    if (terms * 4 <= length * 3) return;
    const longer = length === 0 ? FIRST_SLOTS : length * 2;
    const slots = this.heap.alloc(Slots, longer);
    this.requests.note(OBJECT_HEAD + longer * SLOT_BYTES);
    for (let i = 0; i < length; i++) {
      const entry = Slots.at.entry.get(old, i);
      if (entry !== 0) this.put(slots, Slots.at.hash.get(old, i), entry);
    }
    Shard.slots.set(shard, slots);
    this.ask(shard, (longer - length) * SLOT_BYTES + (length === 0 ? OBJECT_HEAD : 0));
  }

  /** Puts an entry that is not in the slots into the first free one from its home on. */
  private put(slots: Ref, hash: number, entry: EntryRef): void {
    const { slots: Slots } = this;
    const mask = Slots.length(slots) - 1;
    let i = hash & mask;
    while (Slots.at.entry.get(slots, i) !== 0) i = (i + 1) & mask;
    Slots.at.hash.set(slots, i, hash);
    Slots.at.entry.set(slots, i, entry);
  }

  private newOctets(length: number): Ref {
    const octets = this.heap.alloc(this.octets, length);
    this.requests.note(OBJECT_HEAD + length);
    return octets;
  }

  /** The shard leads to objects of so many bytes more. */
  private ask(shard: Ref<"TermShard">, nbytes: number): void {
    this.shard.asked.set(shard, this.shard.asked.get(shard) + nbytes);
  }
}

/** Keeps the `limit` best of what was offered so far: highest count first, then lowest file. */
function keepTop(best: FileCount[], limit: number, file: number, count: number): void {
  let at = best.length;
  while (at > 0 && (best[at - 1]!.count < count || (best[at - 1]!.count === count && best[at - 1]!.file > file))) at--;
  if (at >= limit) return;
  best.splice(at, 0, { file, count });
  if (best.length > limit) best.pop();
}
