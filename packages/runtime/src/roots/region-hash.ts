/**
 * A hash index over records in the region: chains through the records themselves.
 *
 *     buckets ──► | head | head | head | ...      head ──► | next | hash | ... | ──► | next | hash | ... | ──► 0
 *
 * An entry is any record whose first word is the link and whose second is the hash. There are at most twice as many entries as buckets: then
 * the buckets double. Old arrays of buckets are permanent memory that is lost, in all less than the array in use. When there is no room for a
 * larger one, chains grow longer instead.
 *
 * Invariant: an entry is in the chain of bucket `hash & (size - 1)`, once; `count` of them are in all chains. Every caller holds the roots lock.
 */
import { ptrOf, type Ptr } from "@mallocgc/sysmem";
import { HashIndexRecord } from "./roots-record.ts";
import type { RootLayers } from "./root-host.ts";

const { buckets: BUCKETS, size: SIZE, count: COUNT } = HashIndexRecord.offset;
const NEXT = 0;
const HASH = 1;
const FIRST_SIZE = 64;
const LINE_BYTES = 64;

/** FNV-1a, 32 bits, then mixed so that the low bits depend on all. */
export function hashBytes(bytes: Uint8Array, seed = 0): number {
  let h = 0x811c9dc5 ^ Math.imul(seed, 0x9e3779b1);
  for (let i = 0; i < bytes.length; i++) h = Math.imul(h ^ bytes[i]!, 0x01000193);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  return h ^ (h >>> 13);
}

/** One index, as one thread sees it. */
export class RegionHash {
  private readonly mem: Int32Array;
  private readonly at: Ptr;
  private readonly layers: RootLayers;

  constructor(layers: RootLayers, at: Ptr) {
    this.mem = layers.region.i32;
    this.at = at;
    this.layers = layers;
  }

  /** The first entry whose hash may be `hash`; 0 when there is none. Follow `next`, and compare. */
  first(hash: number): number {
    const size = this.mem[this.at + SIZE]!;
    return size === 0 ? 0 : this.mem[this.bucketOf(hash)]!;
  }

  next(entry: number): number {
    return this.mem[entry + NEXT]!;
  }

  hashOf(entry: number): number {
    return this.mem[entry + HASH]!;
  }

  /** Puts an entry in. False when the region has no room for the first buckets: nothing is changed then. */
  insert(entry: number, hash: number): boolean {
    const mem = this.mem;
    const size = mem[this.at + SIZE]!;
    if (mem[this.at + COUNT]! >= size * 2 && !this.resize(size === 0 ? FIRST_SIZE : size * 2) && size === 0) return false;
    const bucket = this.bucketOf(hash);
    mem[entry + HASH] = hash;
    mem[entry + NEXT] = mem[bucket]!;
    mem[bucket] = entry;
    mem[this.at + COUNT] = mem[this.at + COUNT]! + 1;
    return true;
  }

  /** Takes an entry out that is in. */
  remove(entry: number): void {
    const mem = this.mem;
    let link = this.bucketOf(mem[entry + HASH]!);
    while (mem[link] !== entry) link = mem[link]! + NEXT;
    mem[link] = mem[entry + NEXT]!;
    mem[this.at + COUNT] = mem[this.at + COUNT]! - 1;
  }

  /** The entries of bucket `index` modulo their number: for looking through all of them bit by bit. */
  bucket(index: number): number[] {
    const found: number[] = [];
    const size = this.mem[this.at + SIZE]!;
    if (size === 0) return found;
    for (let entry = this.mem[this.mem[this.at + BUCKETS]! + (index & (size - 1))]!; entry !== 0; entry = this.next(entry)) found.push(entry);
    return found;
  }

  /** All entries. */
  entries(): number[] {
    const found: number[] = [];
    for (let i = 0; i < this.mem[this.at + SIZE]!; i++) found.push(...this.bucket(i));
    return found;
  }

  get count(): number {
    return Atomics.load(this.mem, this.at + COUNT);
  }

  private bucketOf(hash: number): number {
    return this.mem[this.at + BUCKETS]! + (hash & (this.mem[this.at + SIZE]! - 1));
  }

  private resize(size: number): boolean {
    const mem = this.mem;
    const addr = this.layers.pages.persistentAlloc(size * 4, LINE_BYTES);
    if (addr === 0) return false;
    const entries = this.entries();
    mem[this.at + BUCKETS] = ptrOf(addr);
    mem[this.at + SIZE] = size;
    for (const entry of entries) {
      const bucket = this.bucketOf(mem[entry + HASH]!);
      mem[entry + NEXT] = mem[bucket]!;
      mem[bucket] = entry;
    }
    return true;
  }
}
