/**
 * Unique values, as Go's package unique: for each string, and each sequence of bytes, one object in the heap, whichever thread asks.
 *
 * Two `Unique`s are equal exactly when their values are; then their objects have the same address. So equality of long values costs one comparison, and a
 * value that many objects refer to is there once. A table holds the objects weakly: through a weak handle each, so the collector clears an entry by
 * clearing the handle, with no lock of ours. The entry itself goes when someone comes across it: each insertion looks through two more buckets.
 *
 *     bucket ──► | next | hash | handle | ──► | link | value | refs | id | ──► object: | bytes | kind | data ... |
 *
 * What keeps an object: the `Unique`s of all threads (a slot each), and whatever else in the heap points to it. A thread has one `Unique` per
 * value; like a Go handle it is not disposed of, but dropped. The slot of a dropped one is freed at the thread's next turn.
 *
 * The table is looked at under the roots lock. The object is allocated outside of it, then looked for once more: two threads that come at the same time agree
 * on the one that was entered first, the other is garbage.
 */
import { type WeakHandlePtr, type WeakHandles } from "@mallocgc/gc";
import { FixAlloc, RANK_HEAP, RANK_ROOTS, ptrOf, type Ptr } from "@mallocgc/sysmem";
import { HeapError, describeValue } from "../errors.ts";
import { Dropped } from "./dropped.ts";
import type { Handles } from "./handles.ts";
import { RegionHash, hashBytes } from "./region-hash.ts";
import { exhausted, nonceOf, type RootHost } from "./root-host.ts";
import { RootsState, UniqueEntry } from "./roots-record.ts";
import { strongRef } from "./weak.ts";

const { lock: LOCK, unique: UNIQUE, uniqueCursor: CURSOR, uniqueEntries: ENTRIES } = RootsState.offset;
const { handle: HANDLE } = UniqueEntry.offset;
const ENTRY_BYTES: number = UniqueEntry.words * 4;
const RANK = RANK_ROOTS;
const HEAP_RANK = RANK_HEAP;

const KIND_STRING = 0;
const KIND_BYTES = 1;
const HEADER_BYTES = 8;
/** Smaller ones would share a block with others, and live as long as these. */
const MIN_BYTES = 16;
/** Buckets that an insertion looks through for entries whose object has died. */
const BUCKETS_PER_INSERT = 2;

/** What a unique object was made from. */
export type UniqueValue = string | Uint8Array;

/** A canonical value: equal values, equal objects. Made by `heap.unique`. */
export class Unique {
  /** The same in all threads, for equal values, as long as any of them holds one. */
  readonly id: number;
  readonly #uniques: Uniques;
  readonly #word: Ptr;
  readonly #generation: number;

  /** @internal */
  constructor(uniques: Uniques, id: number, word: Ptr) {
    this.id = id;
    this.#uniques = uniques;
    this.#word = word;
    this.#generation = uniques.slots.generationOf(word);
  }

  /** The object's address, valid in this turn; equal exactly for equal values. */
  get ref(): number {
    this.#uniques.host.enterTurn();
    if (!this.#uniques.slots.isLive(this.#word, this.#generation)) throw new HeapError("ERR_ROOT_DISPOSED", "the thread that this unique value was made in has left the heap");
    return this.#uniques.slots.refOf(this.#word);
  }

  /** The string, or a copy of the bytes. */
  get value(): UniqueValue {
    return this.#uniques.valueAt(this.ref);
  }

  /** Whether `other` has an equal value. */
  equals(other: Unique): boolean {
    return this === other || (other instanceof Unique && other.id === this.id && nonceOf(other.#uniques.host) === nonceOf(this.#uniques.host));
  }
}

/** What the net remembers of a `Unique`. */
interface Held {
  readonly handle: WeakHandlePtr;
  readonly slot: number;
  readonly generation: number;
}

/** The unique values of a heap, as one thread sees them. */
export class Uniques {
  readonly host: RootHost;
  readonly slots: Handles["slots"];
  private readonly mem: Int32Array;
  private readonly state: Ptr;
  private readonly weak: WeakHandles;
  private readonly index: RegionHash;
  private readonly entries: FixAlloc;
  private readonly uniques = new Map<WeakHandlePtr, WeakRef<Unique>>();
  private readonly dropped: Dropped<Held> = new Dropped();
  private readonly encoder = new TextEncoder();
  private readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(host: RootHost, handles: Handles) {
    this.host = host;
    this.slots = handles.slots;
    this.mem = host.layers.region.i32;
    this.state = host.state;
    this.weak = host.specials.handles;
    this.index = new RegionHash(host.layers, (host.state + UNIQUE) as Ptr);
    this.entries = new FixAlloc(host.layers.region, (host.state + ENTRIES) as Ptr, host.layers.pages.persistent, { words: UniqueEntry.words, zero: true });
  }

  /** The canonical value equal to `value`. @throws HeapError `ERR_ROOT` when it is neither a well-formed string nor bytes; HeapExhaustedError. */
  unique(value: UniqueValue): Unique {
    this.host.enterTurn();
    const { bytes, kind } = this.bytesOf(value);
    const hash = hashBytes(bytes, kind);
    let handle = this.lookup(bytes, kind, hash);
    if (handle === 0) handle = this.insert(bytes, kind, hash);
    return this.uniqueOf(handle);
  }

  /** The value of a unique object. In a turn. */
  valueAt(ref: number): UniqueValue {
    const word = ptrOf(ref);
    const at = ref + HEADER_BYTES;
    // A copy: the decoder takes no shared memory, and nobody may write into the object.
    const bytes = this.host.layers.region.u8.slice(at, at + this.mem[word]!);
    return this.mem[word + 1] === KIND_STRING ? this.decoder.decode(bytes) : bytes;
  }

  /** Whether `releaseDropped` has something to do. */
  get hasDropped(): boolean {
    return this.dropped.any;
  }

  /** Frees the slots of values that were dropped. At a turn's start. */
  releaseDropped(): void {
    for (const { handle, slot, generation } of this.dropped.take()) {
      if (this.uniques.get(handle)?.deref() === undefined) this.uniques.delete(handle);
      const word = this.slots.wordOf(slot);
      if (this.slots.isLive(word, generation)) this.slots.free(slot, word);
      this.weak.release(handle);
    }
  }

  /** Gives back the weak handles: the thread leaves the heap. Its slots are freed with all others. */
  releaseAll(): void {
    this.releaseDropped();
    for (const handle of this.uniques.keys()) this.weak.release(handle);
    this.uniques.clear();
  }

  /** Entries of the table: values that are alive, and those whose end nobody has come across yet. */
  get count(): number {
    return this.index.count;
  }

  /** The handle of an equal value that is alive in this turn, with a ref for the caller; 0 when there is none. */
  private lookup(bytes: Uint8Array, kind: number, hash: number): WeakHandlePtr {
    this.lock();
    try {
      return this.lookupLocked(bytes, kind, hash);
    } finally {
      this.unlock();
    }
  }

  private lookupLocked(bytes: Uint8Array, kind: number, hash: number): WeakHandlePtr {
    for (let entry = this.index.first(hash); entry !== 0; ) {
      const next = this.index.next(entry);
      const handle = this.mem[entry + HANDLE]! as WeakHandlePtr;
      if (this.weak.value(handle) === 0) {
        this.removeLocked(entry as Ptr);
      } else if (this.index.hashOf(entry) === hash) {
        const ref = strongRef(this.host, handle);
        if (ref !== 0 && this.holds(ref, bytes, kind)) {
          this.weak.retain(handle);
          return handle;
        }
      }
      entry = next;
    }
    return 0 as WeakHandlePtr;
  }

  /** Makes the object and enters it, unless another thread has entered an equal one meanwhile. */
  private insert(bytes: Uint8Array, kind: number, hash: number): WeakHandlePtr {
    const ref = this.host.allocBytes(Math.max(MIN_BYTES, HEADER_BYTES + bytes.length));
    this.mem[ptrOf(ref)] = bytes.length;
    this.mem[ptrOf(ref) + 1] = kind;
    this.host.layers.region.u8.set(bytes, ref + HEADER_BYTES);
    const entry = this.allocEntry();
    const handle = this.host.specials.weakHandle(ref);
    if (handle === 0) {
      this.freeEntry(entry);
      throw exhausted(this.host, ENTRY_BYTES);
    }
    let found: WeakHandlePtr;
    let room = true;
    this.lock();
    try {
      found = this.lookupLocked(bytes, kind, hash);
      if (found === 0) {
        this.mem[entry + HANDLE] = handle;
        room = this.index.insert(entry, hash);
        if (room) this.weak.retain(handle);
        this.cleanLocked();
      }
    } finally {
      this.unlock();
    }
    if (found === 0 && room) return handle;
    this.weak.release(handle);
    this.freeEntry(entry);
    if (!room) throw exhausted(this.host, ENTRY_BYTES);
    return found;
  }

  /** Looks through the next buckets for entries whose object has died. */
  private cleanLocked(): void {
    for (let n = 0; n < BUCKETS_PER_INSERT; n++) {
      const cursor = this.mem[this.state + CURSOR]!;
      this.mem[this.state + CURSOR] = (cursor + 1) | 0;
      for (const entry of this.index.bucket(cursor)) {
        if (this.weak.value(this.mem[entry + HANDLE]! as WeakHandlePtr) === 0) this.removeLocked(entry as Ptr);
      }
    }
  }

  private removeLocked(entry: Ptr): void {
    this.index.remove(entry);
    this.weak.release(this.mem[entry + HANDLE]! as WeakHandlePtr);
    this.freeEntry(entry);
  }

  /** This thread's `Unique` for a handle; takes over the caller's ref. In the turn in which the object was found alive. */
  private uniqueOf(handle: WeakHandlePtr): Unique {
    const known = this.uniques.get(handle)?.deref();
    if (known !== undefined) {
      this.weak.release(handle);
      return known;
    }
    const slot = this.keep(handle);
    const word = this.slots.wordOf(slot);
    const unique = new Unique(this, this.weak.id(handle), word);
    this.uniques.set(handle, new WeakRef(unique));
    this.dropped.watch(unique, { handle, slot, generation: this.slots.generationOf(word) });
    return unique;
  }

  /** A slot for the object of a handle; without room for one, the caller's ref is given back. */
  private keep(handle: WeakHandlePtr): number {
    try {
      return this.slots.alloc(this.weak.value(handle));
    } catch (error) {
      this.weak.release(handle);
      throw error;
    }
  }

  private holds(ref: number, bytes: Uint8Array, kind: number): boolean {
    const word = ptrOf(ref);
    if (this.mem[word] !== bytes.length || this.mem[word + 1] !== kind) return false;
    const { u8 } = this.host.layers.region;
    const at = ref + HEADER_BYTES;
    for (let i = 0; i < bytes.length; i++) if (u8[at + i] !== bytes[i]) return false;
    return true;
  }

  private bytesOf(value: unknown): { bytes: Uint8Array; kind: number } {
    if (value instanceof Uint8Array) return { bytes: value, kind: KIND_BYTES };
    if (typeof value !== "string" || !value.isWellFormed()) throw new HeapError("ERR_ROOT", `unique takes a well-formed string or a Uint8Array, not ${describeValue(value)}`);
    return { bytes: this.encoder.encode(value), kind: KIND_STRING };
  }

  private allocEntry(): Ptr {
    const { mutexes, pages } = this.host.layers;
    mutexes.lock(pages.lockWord, HEAP_RANK);
    const entry = this.entries.alloc();
    mutexes.unlock(pages.lockWord, HEAP_RANK);
    if (entry === 0) throw exhausted(this.host, ENTRY_BYTES);
    return entry;
  }

  private freeEntry(entry: Ptr): void {
    const { mutexes, pages } = this.host.layers;
    mutexes.lock(pages.lockWord, HEAP_RANK);
    this.entries.free(entry);
    mutexes.unlock(pages.lockWord, HEAP_RANK);
  }

  private lock(): void {
    this.host.layers.mutexes.lock((this.state + LOCK) as Ptr, RANK);
  }
  private unlock(): void {
    this.host.layers.mutexes.unlock((this.state + LOCK) as Ptr, RANK);
  }
}
