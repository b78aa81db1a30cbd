/**
 * Named roots: how a program keeps its objects, and how its threads find each other's.
 *
 * A name leads to a word of the region that is a root. Names are found through a hash index, entries and words stand in chunks:
 *
 *     chunk ──► | next chunk | refs: 32 words, one range for the collector | 32 entries |         RootsState.chunks: the newest
 *
 * Writers hold the roots lock. A reader remembers, for each name it has asked for, the entry and its `version`, and then needs no lock: it loads the
 * ref and after that the version. `delete` raises the version first and clears the ref after, so an unchanged version says that the ref was this
 * name's. Anything else, and the reader asks anew under the lock.
 *
 * Who waits for a name sleeps on `changes`, which rises whenever a name appears; the thread is not in a turn meanwhile.
 */
import { loadRef, type RootSource } from "@mallocgc/gc";
import { RANK_ROOTS, addrOf, ptrOf, type Ptr } from "@mallocgc/sysmem";
import { HeapError, describeValue } from "../errors.ts";
import { RegionHash, hashBytes } from "./region-hash.ts";
import { exhausted, permanent, refOf, type RootHost, type RootValue } from "./root-host.ts";
import { BLOCK_HEADER, CHUNK_ROOTS, RootEntry, RootsState } from "./roots-record.ts";

const { lock: LOCK, changes: CHANGES, chunks: CHUNKS, freeEntries: FREE_ENTRIES, named: NAMED } = RootsState.offset;
const { next: NEXT, hash: HASH, word: WORD, type: TYPE, name: NAME, nameBytes: NAME_BYTES, nameCapacity: NAME_CAPACITY, version: VERSION } = RootEntry.offset;
const ENTRY_WORDS = RootEntry.words;
const HEADER = BLOCK_HEADER;
const ROOTS = CHUNK_ROOTS;
const CHUNK_BYTES = (HEADER + ROOTS + ROOTS * ENTRY_WORDS) * 4;
const RANK = RANK_ROOTS;
const NIL = 0 as Ptr;

/** The longest name, in bytes of UTF-8. */
export const MAX_ROOT_NAME_BYTES = 255;
const MIN_NAME_CAPACITY = 32;
/** How often a thread looks for a name where it cannot sleep for it. */
const POLL_MS = 10;
/** The longest single sleep: the largest delay that timers take is about 2^31 ms. */
const SLICE_MS = 60_000;

/** What a thread remembers of a name. */
interface Known {
  readonly entry: Ptr;
  readonly word: Ptr;
  readonly version: number;
}

/** A named root as it is at one moment. */
export interface TypedRoot {
  readonly ref: number;
  /** Address of the type that it was set with; 0 when none was named. */
  readonly type: number;
}

/** The named roots of a heap, as one thread sees them. Every method may be called by any thread that is attached. */
export class RootTable implements RootSource {
  private readonly host: RootHost;
  private readonly mem: Int32Array;
  private readonly state: Ptr;
  private readonly index: RegionHash;
  private readonly known = new Map<string, Known>();
  private readonly encoder = new TextEncoder();
  private readonly decoder = new TextDecoder();

  constructor(host: RootHost) {
    this.host = host;
    this.mem = host.layers.region.i32;
    this.state = host.state;
    this.index = new RegionHash(host.layers, (host.state + NAMED) as Ptr);
  }

  /**
   * Makes `value` the root of that name, in the place of what it was; null keeps the name and lets the object go. `type` is remembered with it.
   *
   * @throws HeapError `ERR_ROOT` for a name or value that is none; `ERR_HEAP_EXHAUSTED` when there is no room for a new name.
   */
  set(name: string, value: RootValue, type = 0): void {
    this.host.enterTurn();
    const ref = refOf(this.host, value);
    const bytes = this.encode(name);
    const mem = this.mem;
    this.lock();
    try {
      let entry = this.findLocked(bytes);
      const isNew = entry === NIL;
      if (isNew) entry = this.createLocked(bytes);
      if (!isNew && mem[entry + TYPE] !== (type | 0)) Atomics.add(mem, entry + VERSION, 1);
      Atomics.store(mem, entry + TYPE, type);
      this.host.barrier.storeRef(addrOf(mem[entry + WORD]!), ref);
      if (!isNew) return;
    } finally {
      this.unlock();
    }
    // Pairs with the load in `until`: who has not seen the name yet finds this word changed, or is woken.
    Atomics.add(mem, this.state + CHANGES, 1);
    Atomics.notify(mem, this.state + CHANGES);
  }

  /** The address of the object of that name, 0 when it was set to null. @throws HeapError `ERR_ROOT_UNKNOWN` when the name was never set, or was deleted. */
  get(name: string): number {
    this.host.enterTurn();
    const known = this.known.get(name);
    if (known !== undefined) {
      // In this order: pairs with removeLocked, which raises the version before the word can become another name's.
      const ref = loadRef(this.mem, known.word);
      if (Atomics.load(this.mem, known.entry + VERSION) === known.version) return ref;
    }
    return this.read(name).ref;
  }

  /** As `get`, with the type that the root was set with: the two belong together. @throws HeapError `ERR_ROOT_UNKNOWN`. */
  getTyped(name: string): TypedRoot {
    this.host.enterTurn();
    const known = this.known.get(name);
    if (known !== undefined) {
      const ref = loadRef(this.mem, known.word);
      const type = Atomics.load(this.mem, known.entry + TYPE) >>> 0;
      if (Atomics.load(this.mem, known.entry + VERSION) === known.version) return { ref, type };
    }
    return this.read(name);
  }

  /** Whether there is a root of that name. */
  has(name: string): boolean {
    const bytes = this.encode(name);
    this.lock();
    const entry = this.findLocked(bytes);
    this.unlock();
    return entry !== NIL;
  }

  /** Lets the object of that name go, and forgets the name. False when there is none. */
  delete(name: string): boolean {
    this.host.enterTurn();
    const bytes = this.encode(name);
    this.known.delete(name);
    this.lock();
    try {
      const entry = this.findLocked(bytes);
      if (entry !== NIL) this.removeLocked(entry);
      return entry !== NIL;
    } finally {
      this.unlock();
    }
  }

  /** All names there are, in no particular order. */
  names(): string[] {
    this.lock();
    const names = this.index.entries().map((entry) => this.decoder.decode(this.nameOf(entry).slice()));
    this.unlock();
    return names;
  }

  /**
   * Blocks this thread until the name is there, at most `timeout` ms, and returns what `get` does. Ends the turn: raw addresses that the caller still has are void.
   *
   * @throws HeapError `ERR_ROOT_UNKNOWN` when it does not come in time; `ERR_ROOT` where a thread may not block (a browser's main thread, a heap of one
   * thread): use `waitAsync` there.
   */
  wait(name: string, timeout?: number): number {
    const timeoutMs = timeout ?? Infinity;
    const deadline = this.deadline(timeoutMs);
    if (!this.has(name)) {
      if (!this.mayBlock()) throw new HeapError("ERR_ROOT", `this thread may not block until there is a root ${describeValue(name)}: use waitAsync`);
      const came = this.host.blocking(() => {
        for (;;) {
          const seen = Atomics.load(this.mem, this.state + CHANGES);
          if (this.has(name)) return true;
          const left = deadline - performance.now();
          if (left <= 0) return false;
          // Pairs with the add and notify in set.
          Atomics.wait(this.mem, this.state + CHANGES, seen, Math.min(left, SLICE_MS));
        }
      });
      if (!came) throw tooLate(name, timeoutMs);
    }
    return this.get(name);
  }

  /** Resolves as soon as the name is there; then `get` has it. Rejects as `wait` throws, but works in every thread. */
  async waitAsync(name: string, timeout?: number): Promise<void> {
    const timeoutMs = timeout ?? Infinity;
    const deadline = this.deadline(timeoutMs);
    for (;;) {
      const seen = Atomics.load(this.mem, this.state + CHANGES);
      if (this.has(name)) return;
      const left = deadline - performance.now();
      if (left <= 0) throw tooLate(name, timeoutMs);
      await this.changed(seen, Math.min(left, SLICE_MS));
    }
  }

  /** The words of all chunks. No lock: a chunk is published complete, and stays. */
  *ranges(): Generator<readonly [Ptr, number]> {
    for (let chunk = Atomics.load(this.mem, this.state + CHUNKS); chunk !== 0; chunk = this.mem[chunk]!) yield [(chunk + HEADER) as Ptr, ROOTS];
  }

  /** All named roots that lead to an object, as they are now. */
  entries(): (TypedRoot & { readonly name: string })[] {
    const mem = this.mem;
    const found: (TypedRoot & { readonly name: string })[] = [];
    this.lock();
    for (const [from, length] of this.ranges()) {
      for (let i = 0; i < length; i++) {
        const ref = loadRef(mem, from + i);
        const entry = from + ROOTS + i * ENTRY_WORDS;
        if (ref === 0) continue;
        const name = this.decoder.decode(this.host.layers.region.u8.slice(mem[entry + NAME]! >>> 0, (mem[entry + NAME]! >>> 0) + mem[entry + NAME_BYTES]!));
        found.push({ name, ref, type: mem[entry + TYPE]! >>> 0 });
      }
    }
    this.unlock();
    return found;
  }

  private read(name: string): TypedRoot {
    const mem = this.mem;
    const bytes = this.encode(name);
    this.lock();
    const entry = this.findLocked(bytes);
    if (entry === NIL) {
      this.unlock();
      this.known.delete(name);
      throw new HeapError("ERR_ROOT_UNKNOWN", `there is no root ${describeValue(name)}: set it first, or wait for it with roots.wait or roots.waitAsync`);
    }
    const word = mem[entry + WORD]! as Ptr;
    const version = mem[entry + VERSION]!;
    const root = { ref: loadRef(mem, word), type: mem[entry + TYPE]! >>> 0 };
    this.unlock();
    this.known.set(name, { entry, word, version });
    return root;
  }

  /** Resolves when `changes` is no longer `seen`, or after `ms`; or earlier. */
  private async changed(seen: number, ms: number): Promise<void> {
    if (this.host.layers.region.shared && typeof Atomics.waitAsync === "function") {
      await Atomics.waitAsync(this.mem, this.state + CHANGES, seen, ms).value;
    } else {
      await new Promise((resolve) => setTimeout(resolve, Math.min(ms, POLL_MS)));
    }
  }

  private mayBlock(): boolean {
    if (!this.host.layers.region.shared) return false;
    try {
      Atomics.wait(this.mem, this.state + CHANGES, Atomics.load(this.mem, this.state + CHANGES), 0);
      return true;
    } catch {
      return false;
    }
  }

  private deadline(timeoutMs: unknown): number {
    if (typeof timeoutMs !== "number" || !(timeoutMs >= 0)) throw new HeapError("ERR_ROOT", `timeoutMs is a number of milliseconds from 0, not ${describeValue(timeoutMs)}`);
    return performance.now() + timeoutMs;
  }

  private encode(name: unknown): Uint8Array {
    if (typeof name !== "string" || name === "" || name.length > MAX_ROOT_NAME_BYTES || !name.isWellFormed()) throw badName(name);
    const bytes = this.encoder.encode(name);
    if (bytes.length > MAX_ROOT_NAME_BYTES) throw badName(name);
    return bytes;
  }

  private findLocked(bytes: Uint8Array): Ptr {
    const hash = hashBytes(bytes);
    for (let entry = this.index.first(hash); entry !== 0; entry = this.index.next(entry)) {
      if (this.mem[entry + HASH] === hash && this.isNamed(entry, bytes)) return entry as Ptr;
    }
    return NIL;
  }

  private isNamed(entry: number, bytes: Uint8Array): boolean {
    const name = this.nameOf(entry);
    return name.length === bytes.length && name.every((byte, i) => byte === bytes[i]);
  }

  private nameOf(entry: number): Uint8Array {
    const at = this.mem[entry + NAME]! >>> 0;
    return this.host.layers.region.u8.subarray(at, at + this.mem[entry + NAME_BYTES]!);
  }

  private createLocked(bytes: Uint8Array): Ptr {
    const mem = this.mem;
    if (mem[this.state + FREE_ENTRIES] === 0) this.addChunkLocked();
    const entry = mem[this.state + FREE_ENTRIES]! as Ptr;
    if (mem[entry + NAME_CAPACITY]! < bytes.length) {
      const capacity = Math.max(MIN_NAME_CAPACITY, 2 ** Math.ceil(Math.log2(bytes.length)));
      mem[entry + NAME] = permanent(this.host, capacity);
      mem[entry + NAME_CAPACITY] = capacity;
    }
    const next = mem[entry + NEXT]!;
    if (!this.index.insert(entry, hashBytes(bytes))) throw exhausted(this.host, CHUNK_BYTES);
    mem[this.state + FREE_ENTRIES] = next;
    mem[entry + NAME_BYTES] = bytes.length;
    this.nameOf(entry).set(bytes);
    return entry;
  }

  private removeLocked(entry: Ptr): void {
    const mem = this.mem;
    this.index.remove(entry);
    // In this order: pairs with get, which loads the ref first.
    Atomics.add(mem, entry + VERSION, 1);
    this.host.barrier.storeRef(addrOf(mem[entry + WORD]!), 0);
    mem[entry + NEXT] = mem[this.state + FREE_ENTRIES]!;
    mem[this.state + FREE_ENTRIES] = entry;
  }

  private addChunkLocked(): void {
    const mem = this.mem;
    const chunk = ptrOf(permanent(this.host, CHUNK_BYTES));
    for (let i = ROOTS - 1; i >= 0; i--) {
      const entry = chunk + HEADER + ROOTS + i * ENTRY_WORDS;
      mem[entry + WORD] = chunk + HEADER + i;
      mem[entry + NEXT] = mem[this.state + FREE_ENTRIES]!;
      mem[this.state + FREE_ENTRIES] = entry;
    }
    mem[chunk] = mem[this.state + CHUNKS]!;
    // Publishes the chunk: pairs with the load in ranges.
    Atomics.store(mem, this.state + CHUNKS, chunk);
  }

  private lock(): void {
    this.host.layers.mutexes.lock((this.state + LOCK) as Ptr, RANK);
  }
  private unlock(): void {
    this.host.layers.mutexes.unlock((this.state + LOCK) as Ptr, RANK);
  }
}

function badName(name: unknown): HeapError {
  return new HeapError("ERR_ROOT", `a root's name is a string of 1 to ${MAX_ROOT_NAME_BYTES} bytes of well-formed UTF-8, not ${describeValue(name)}`);
}

function tooLate(name: string, timeoutMs: number): HeapError {
  return new HeapError("ERR_ROOT_UNKNOWN", `no thread set a root ${describeValue(name)} within ${timeoutMs} ms`);
}
