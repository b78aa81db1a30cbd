/**
 * The invariants of roots, as code. While nobody is at work on the heap.
 *
 *     slots     a slot is free, live or moved; a free one keeps nothing and is on one free list, once: one of the two of its block's P; no other is
 *     names     an entry of a chunk is in the index, under the hash of its name, or on the list of those without a name, and then keeps nothing
 *     index     the chains hold `count` entries, each in its bucket
 *     unique    an entry's weak handle is referred to, by the entry at least
 */
import { WeakHandle } from "@mallocgc/gc";
import type { Ptr } from "@mallocgc/sysmem";
import { RegionHash, hashBytes } from "./region-hash.ts";
import type { RootHost } from "./root-host.ts";
import { BLOCK_HEADER, BLOCK_SLOTS, CHUNK_ROOTS, DIRECTORY_PAGE, DIRECTORY_PAGES, HashIndexRecord, ProcessorRoots, RootEntry, RootsState, UniqueEntry } from "./roots-record.ts";

const STATE_MASK = 3;
const FREE = 0;
const NOT_A_STATE = 2;

/** The broken invariants, in words; none when all is well. `processors` is how many Ps the heap can have. */
export function verifyRoots(host: RootHost, processors: number): string[] {
  const broken: string[] = [];
  checkSlots(host, processors, broken);
  checkNames(host, broken);
  checkUnique(host, broken);
  return broken;
}

/** A slot's place: the word of its ref, or 0 when there is no such slot. */
function placeOf(mem: Int32Array, state: Ptr, slot: number): number {
  const block = Math.floor(slot / BLOCK_SLOTS);
  if (slot < 0 || block >= mem[state + RootsState.offset.blocks]!) return 0;
  const page = mem[state + RootsState.offset.directory + Math.floor(block / DIRECTORY_PAGE)]!;
  return mem[page + (block % DIRECTORY_PAGE)]! + BLOCK_HEADER + (slot % BLOCK_SLOTS);
}

function checkSlots(host: RootHost, processors: number, broken: string[]): void {
  const mem = host.layers.region.i32;
  const { state } = host;
  const blocks = mem[state + RootsState.offset.blocks]!;
  if (blocks < 0 || blocks > DIRECTORY_PAGE * DIRECTORY_PAGES) {
    broken.push(`roots: there cannot be ${blocks} blocks of slots`);
    return;
  }
  const onList = new Map<number, number>();
  for (let id = 0; id < processors; id++) {
    const own = host.processorRoots + id * ProcessorRoots.words;
    for (const list of [ProcessorRoots.offset.free, ProcessorRoots.offset.remoteFree]) {
      for (let link = mem[own + list]!; link !== 0; ) {
        const slot = link - 1;
        const word = placeOf(mem, state, slot);
        if (word === 0 || onList.has(slot)) {
          broken.push(word === 0 ? `roots: a free list of P ${id} leads to slot ${slot}, which there is not` : `roots: slot ${slot} is on free lists twice`);
          break;
        }
        onList.set(slot, id);
        link = mem[word + 2 * BLOCK_SLOTS]!;
      }
    }
  }
  for (let slot = 0; slot < blocks * BLOCK_SLOTS; slot++) checkSlot(mem, slot, placeOf(mem, state, slot), onList.get(slot), broken);
}

function checkSlot(mem: Int32Array, slot: number, word: number, listOf: number | undefined, broken: string[]): void {
  const use = mem[word + BLOCK_SLOTS]! & STATE_MASK;
  const owner = mem[word - (slot % BLOCK_SLOTS) - BLOCK_HEADER]! - 1;
  if (use === NOT_A_STATE) broken.push(`roots: slot ${slot} is neither free nor live nor moved`);
  if (use !== FREE && listOf !== undefined) broken.push(`roots: slot ${slot} is in use, and on a free list of P ${listOf}`);
  if (use !== FREE) return;
  if (mem[word] !== 0) broken.push(`roots: slot ${slot} is free, but keeps ${mem[word]! >>> 0}`);
  if (listOf === undefined) broken.push(`roots: slot ${slot} is free, but on no free list`);
  else if (listOf !== owner) broken.push(`roots: slot ${slot} of P ${owner} is on a free list of P ${listOf}`);
}

/** The entries of an index, or what is wrong with it. */
function entriesOf(host: RootHost, at: number, limit: number, what: string, broken: string[]): Set<number> {
  const mem = host.layers.region.i32;
  const found = new Set<number>();
  const size = mem[at + HashIndexRecord.offset.size]!;
  for (let i = 0; i < size; i++) {
    for (let entry = mem[mem[at + HashIndexRecord.offset.buckets]! + i]!; entry !== 0; entry = mem[entry]!) {
      if (entry < 0 || entry >= mem.length || found.has(entry) || found.size > limit) {
        broken.push(`${what}: the chain of bucket ${i} leads astray at ${entry}`);
        return found;
      }
      found.add(entry);
      if ((mem[entry + 1]! & (size - 1)) !== i) broken.push(`${what}: entry ${entry} is in bucket ${i}, not in that of its hash`);
    }
  }
  const count = mem[at + HashIndexRecord.offset.count]!;
  if (found.size !== count) broken.push(`${what}: ${found.size} entries in chains, ${count} counted`);
  return found;
}

function checkNames(host: RootHost, broken: string[]): void {
  const { i32: mem, u8 } = host.layers.region;
  const { state } = host;
  const entries = new Set<number>();
  for (let chunk = mem[state + RootsState.offset.chunks]!; chunk !== 0; chunk = mem[chunk]!) {
    for (let i = 0; i < CHUNK_ROOTS; i++) {
      const entry = chunk + BLOCK_HEADER + CHUNK_ROOTS + i * RootEntry.words;
      entries.add(entry);
      if (mem[entry + RootEntry.offset.word] !== chunk + BLOCK_HEADER + i) broken.push(`named roots: entry ${entry} is of word ${mem[entry + RootEntry.offset.word]!}, not ${chunk + BLOCK_HEADER + i}`);
    }
  }
  const named = entriesOf(host, state + RootsState.offset.named, entries.size, "named roots", broken);
  for (const entry of named) {
    const at = mem[entry + RootEntry.offset.name]! >>> 0;
    const name = u8.subarray(at, at + mem[entry + RootEntry.offset.nameBytes]!);
    if (!entries.delete(entry)) broken.push(`named roots: entry ${entry} is of no chunk`);
    else if (hashBytes(name) !== mem[entry + RootEntry.offset.hash]) broken.push(`named roots: entry ${entry} is not under the hash of its name`);
  }
  for (let entry = mem[state + RootsState.offset.freeEntries]!; entry !== 0; entry = mem[entry]!) {
    if (!entries.delete(entry)) {
      broken.push(`named roots: entry ${entry} without a name has one, is of no chunk, or comes twice`);
      return;
    }
    const ref = mem[mem[entry + RootEntry.offset.word]!]! >>> 0;
    if (ref !== 0) broken.push(`named roots: entry ${entry} has no name, but keeps ${ref}`);
  }
  if (entries.size > 0) broken.push(`named roots: ${entries.size} entries are neither named nor free`);
}

function checkUnique(host: RootHost, broken: string[]): void {
  const mem = host.layers.region.i32;
  const at = (host.state + RootsState.offset.unique) as Ptr;
  const limit = new RegionHash(host.layers, at).count;
  for (const entry of entriesOf(host, at, limit, "unique values", broken)) {
    const handle = mem[entry + UniqueEntry.offset.handle]!;
    if (handle <= 0 || handle >= mem.length || mem[handle + WeakHandle.offset.refs]! < 1) broken.push(`unique values: entry ${entry} has weak handle ${handle}, which nobody refers to`);
  }
}
