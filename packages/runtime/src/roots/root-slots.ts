/**
 * Slots: the words behind handles, in blocks that belong to a P.
 *
 *     block   | owner | ...                       | 16 words
 *             | ref 0 | ref 1 | ... | ref 255     | roots: 0, or the address of an object. One range for the collector
 *             | generation 0 ...                  | count * 4 + state
 *             | link 0 ...                        | of the free lists, as slot number + 1
 *
 * A slot has a number, block * 256 + index, by which any thread finds it through the directory. Its generation word says what it is:
 *
 *     count*4        free
 *     count*4 + 1    live: its P's thread has a handle for it, and alone may change or free it
 *     count*4 + 3    moved: nobody's, on its way between threads; whoever first turns it into free (compare-and-set) has taken it over
 *
 * Freeing raises the count, so a message that names a slot and a generation is good for just the one use of the slot that it was made from.
 * The ref is written before a slot becomes live and cleared after it has become free; hence the reader in another thread: generation,
 * ref, generation again, and if both are what the message says, the ref is the one that was meant.
 *
 * Allocation is the owner's alone: pop its free list; else take over, in one exchange, all that other threads have freed; else a new block. A thread that frees
 * another P's slot pushes it to that P's `remoteFree` by compare-and-set. Since the owner takes the whole list, no slot can leave and come
 * back between a pusher's look and its exchange. No lock but for a new block.
 */
import { loadRef, type RootSource } from "@mallocgc/gc";
import { RANK_ROOTS, addrOf, ptrOf, type Ptr } from "@mallocgc/sysmem";
import { exhausted, permanent, type RootHost } from "./root-host.ts";
import { BLOCK_HEADER, BLOCK_SLOTS, DIRECTORY_PAGE, DIRECTORY_PAGES, ProcessorRoots, RootsState } from "./roots-record.ts";

const { lock: LOCK, blocks: BLOCKS, directory: DIRECTORY } = RootsState.offset;
const { free: FREE, remoteFree: REMOTE_FREE } = ProcessorRoots.offset;
const SLOTS = BLOCK_SLOTS;
const HEADER = BLOCK_HEADER;
const PAGE = DIRECTORY_PAGE;
const MAX_BLOCKS: number = DIRECTORY_PAGE * DIRECTORY_PAGES;
const BLOCK_BYTES: number = (BLOCK_HEADER + 3 * BLOCK_SLOTS) * 4;
/** From the word of a slot's ref to those of its generation and its link. */
const GENERATION: number = BLOCK_SLOTS;
const LINK: number = 2 * BLOCK_SLOTS;
const RANK = RANK_ROOTS;

const STATE_MASK = 3;
const LIVE = 1;
const MOVED = 3;
const COUNT_ONE = 4;

/** Whether a generation is that of a slot on its way between threads. */
export function isMoved(generation: number): boolean {
  return (generation & STATE_MASK) === MOVED;
}

/** Whether a number can be the generation of a slot in use. */
export function isInUse(generation: number): boolean {
  return (generation & LIVE) === LIVE;
}

/** The slots of a heap, as one thread sees them. */
export class RootSlots implements RootSource {
  private readonly host: RootHost;
  private readonly mem: Int32Array;
  private readonly state: Ptr;
  private readonly processors: Ptr;
  private readonly own: Ptr;

  constructor(host: RootHost) {
    this.host = host;
    this.mem = host.layers.region.i32;
    this.state = host.state;
    this.processors = host.processorRoots;
    this.own = this.processorOf(host.processorId);
  }

  /** A live slot of this P that keeps `ref`; its number. @throws HeapExhaustedError when there is no room for another block. */
  alloc(ref: number): number {
    const mem = this.mem;
    if (mem[this.own + FREE] === 0) this.refill();
    const slot = mem[this.own + FREE]! - 1;
    const word = this.wordOf(slot);
    mem[this.own + FREE] = mem[word + LINK]!;
    this.host.barrier.storeRef(addrOf(word), ref);
    // Publishes the ref: pairs with the loads in read and take.
    Atomics.store(mem, word + GENERATION, mem[word + GENERATION]! + LIVE);
    return slot;
  }

  /** The word that is the root of a slot. */
  wordOf(slot: number): Ptr {
    const block = Math.floor(slot / SLOTS);
    return (this.mem[this.mem[this.state + DIRECTORY + Math.floor(block / PAGE)]! + (block % PAGE)]! + HEADER + (slot % SLOTS)) as Ptr;
  }

  /** A slot's generation, for the owner. */
  generationOf(word: Ptr): number {
    return this.mem[word + GENERATION]!;
  }

  /** Whether the slot is live in just that generation. Owner only. */
  isLive(word: Ptr, generation: number): boolean {
    return this.mem[word + GENERATION] === generation;
  }

  /** The ref of a live slot. Owner only: nobody else writes it. */
  refOf(word: Ptr): number {
    return this.mem[word]! >>> 0;
  }

  /** Lets a live slot keep another object. Owner only. */
  setRef(word: Ptr, ref: number): void {
    this.host.barrier.storeRef(addrOf(word), ref);
  }

  /** Frees a live slot. Owner only. */
  free(slot: number, word: Ptr): void {
    Atomics.store(this.mem, word + GENERATION, nextFree(this.mem[word + GENERATION]!));
    this.host.barrier.storeRef(addrOf(word), 0);
    this.mem[word + LINK] = this.mem[this.own + FREE]!;
    this.mem[this.own + FREE] = slot + 1;
  }

  /** Turns a live slot into one that is on its way, and returns its new generation. Owner only; from now on it has no say in the slot. */
  move(word: Ptr): number {
    const moved = this.mem[word + GENERATION]! - LIVE + MOVED;
    // Pairs with the compareExchange in take.
    Atomics.store(this.mem, word + GENERATION, moved);
    return moved;
  }

  /** Whether there is a slot of that number. */
  exists(slot: number): boolean {
    return slot < Atomics.load(this.mem, this.state + BLOCKS) * SLOTS;
  }

  /** The ref of a slot of any P, or -1 when the slot is not in just that generation. Any thread, in a turn. */
  read(word: Ptr, generation: number): number {
    const mem = this.mem;
    if (Atomics.load(mem, word + GENERATION) !== generation) return -1;
    const ref = loadRef(mem, word);
    // Again: pairs with free and alloc. If it is unchanged, the ref is of this use of the slot.
    return Atomics.load(mem, word + GENERATION) === generation ? ref : -1;
  }

  /** Frees a moved slot of any P. False when another thread did. Any thread. */
  take(slot: number, word: Ptr, generation: number): boolean {
    const mem = this.mem;
    if (Atomics.compareExchange(mem, word + GENERATION, generation, nextFree(generation)) !== generation) return false;
    this.host.barrier.storeRef(addrOf(word), 0);
    const owner = mem[word - (slot % SLOTS) - HEADER]! - 1;
    const list = this.processorOf(owner) + REMOTE_FREE;
    for (let head = Atomics.load(mem, list); ; ) {
      mem[word + LINK] = head;
      // Release: pairs with the exchange in refill.
      const seen = Atomics.compareExchange(mem, list, head, slot + 1);
      if (seen === head) return true;
      head = seen;
    }
  }

  /** Frees every live slot of this P; those on their way stay. For who leaves the heap, and for who takes over the record of a thread that died. */
  freeAll(): void {
    const mem = this.mem;
    const end = Atomics.load(mem, this.state + BLOCKS) * SLOTS;
    for (let first = 0; first < end; first += SLOTS) {
      const word = this.wordOf(first);
      if (mem[word - HEADER] !== this.host.processorId + 1) continue;
      for (let i = 0; i < SLOTS; i++) {
        if ((mem[word + i + GENERATION]! & STATE_MASK) === LIVE) this.free(first + i, (word + i) as Ptr);
      }
    }
  }

  /** Slots in use, all Ps together: live and on their way. Exact while no other thread is at work. */
  count(): number {
    const mem = this.mem;
    let n = 0;
    for (let slot = Atomics.load(mem, this.state + BLOCKS) * SLOTS - 1; slot >= 0; slot--) {
      if (isInUse(mem[this.wordOf(slot) + GENERATION]!)) n++;
    }
    return n;
  }

  /** The refs of all blocks. No lock: a block is published complete, and stays. */
  *ranges(): Generator<readonly [Ptr, number]> {
    const end = Atomics.load(this.mem, this.state + BLOCKS) * SLOTS;
    for (let first = 0; first < end; first += SLOTS) yield [this.wordOf(first), SLOTS];
  }

  private refill(): void {
    // Acquire: pairs with the compareExchange in take.
    const freed = Atomics.exchange(this.mem, this.own + REMOTE_FREE, 0);
    if (freed !== 0) this.mem[this.own + FREE] = freed;
    else this.addBlock();
  }

  private addBlock(): void {
    const { mutexes } = this.host.layers;
    mutexes.lock((this.state + LOCK) as Ptr, RANK);
    try {
      this.addBlockLocked();
    } finally {
      mutexes.unlock((this.state + LOCK) as Ptr, RANK);
    }
  }

  private addBlockLocked(): void {
    const mem = this.mem;
    const number = mem[this.state + BLOCKS]!;
    if (number === MAX_BLOCKS) throw exhausted(this.host, BLOCK_BYTES);
    const page = this.state + DIRECTORY + Math.floor(number / PAGE);
    if (mem[page] === 0) Atomics.store(mem, page, ptrOf(permanent(this.host, PAGE * 4)));
    const block = ptrOf(permanent(this.host, BLOCK_BYTES));
    const first = number * SLOTS;
    mem[block] = this.host.processorId + 1;
    for (let i = 0; i < SLOTS - 1; i++) mem[block + HEADER + LINK + i] = first + i + 2;
    mem[mem[page]! + (number % PAGE)] = block;
    // Publishes block and directory: pairs with the loads in exists and ranges.
    Atomics.store(mem, this.state + BLOCKS, number + 1);
    mem[this.own + FREE] = first + 1;
  }

  private processorOf(id: number): Ptr {
    return (this.processors + id * ProcessorRoots.words) as Ptr;
  }
}

/** The generation after this one, free. Wraps after 2^30 uses of a slot. */
function nextFree(generation: number): number {
  return ((generation & ~STATE_MASK) + COUNT_ONE) | 0;
}
