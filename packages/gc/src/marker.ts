/**
 * A marker: one thread's way to mark, over its WorkRecord and the heap's WorkLists.
 *
 * All that takes time is in the kernel (kernel/mark.ts). The kernel cannot ask for memory: when it needs a work buffer and the list of empty ones has
 * none, it says so and has done nothing, or a part that it can go on from. Then the marker asks for 32 KiB more and calls again. If there are none to be
 * had, the kernel is allowed to drop entries; `takeOverflow` tells, and whoever drives the cycle has every marked object scanned again (`rescanMarked`),
 * until nothing was dropped. So a heap that is full to the last page is collected, if slowly.
 *
 * Marks are set by atomic operations, for other markers may be at work at any moment; in an unshared region, where they cannot, by plain stores.
 */
import type { PageMap } from "@mallocgc/mheap";
import type { SpanPtr } from "@mallocgc/mspan";
import { loadKernel, type Addr, type Ptr, type Region } from "@mallocgc/sysmem";
import { MARK_KERNEL } from "./mark-kernel.ts";
import { DeferredPointers, WORK_BUF_ALLOC, WorkLists, WorkRecord } from "./work-record.ts";

const {
  lists: LISTS, pageMap: PAGE_MAP, mapPages: MAP_PAGES, exclusive: EXCLUSIVE, mayDrop: MAY_DROP, n: N, busy: BUSY,
  scanWork: SCAN_WORK, markedBytes: MARKED_BYTES, markedObjects: MARKED_OBJECTS, badPointers: BAD_POINTERS, lastBad: LAST_BAD, compress: COMPRESS,
  lanes: LANES, deferred: DEFERRED, hits: HITS, white: WHITE,
} = WorkRecord.offset;
const { full: FULL, overflow: OVERFLOW } = WorkLists.offset;
const { n: OFF_N, at: OFF_AT, end: OFF_END, counts: OFF_HEADER } = DeferredPointers.offset;

/** What the kernel's `drain` returns when it needs a buffer; 0 is that nothing is left, 1 that the budget is spent. */
const DRAIN_NEEDS_BUFFERS = 2;
/** A byte of a shuffle that yields zero. */
const NO_BYTE = 0xff;

/** The kernel's exports; addresses in bytes. Those that return a boolean return 0 when they need a buffer, having done nothing. */
interface MarkKernel {
  readonly addEmpty: (lists: number, addr: number, nbytes: number) => void;
  readonly flushLocal: (work: number) => number;
  readonly drain: (work: number, budget: number) => number;
  readonly markRange: (work: number, addr: number, nwords: number) => number;
  readonly markOne: (work: number, addr: number) => number;
  readonly scanObject: (work: number, addr: number) => number;
  readonly rescanMarked: (work: number, s: number) => number;
}

/** One thread's marker. The record is this thread's alone. */
export class Marker {
  private readonly mem: Int32Array;
  private readonly f64: Float64Array;
  private readonly lists: Ptr;
  private readonly work: Ptr;
  private readonly workAddr: number;
  private readonly kernel: MarkKernel;
  private readonly allocBuffers: (nbytes: number) => Addr;

  /** `work` is a WorkRecord, zero or used by an earlier marker. `allocBuffers` gives memory for ever, aligned to 64 bytes; 0 when there is none. */
  constructor(region: Region, lists: Ptr, work: Ptr, pageMap: PageMap, allocBuffers: (nbytes: number) => Addr) {
    const mem = region.i32;
    this.mem = mem;
    this.f64 = region.f64;
    this.lists = lists;
    this.work = work;
    this.workAddr = (work << 2) >>> 0;
    this.kernel = loadKernel(MARK_KERNEL, region) as MarkKernel;
    this.allocBuffers = allocBuffers;
    mem[work + LISTS] = lists;
    mem[work + PAGE_MAP] = pageMap.at;
    mem[work + MAP_PAGES] = pageMap.npages;
    mem[work + EXCLUSIVE] = region.shared ? 0 : 1;
    fillCompress(region.u8, this.workAddr + COMPRESS * 4);
    for (let i = 0; i < 4; i++) mem[work + LANES + i] = 1 << i;
    // An earlier thread may have died with some of them set.
    mem.fill(0, work + HITS, work + WHITE);
  }

  /** Marks what `nwords` words from word `from` on point at: roots, or addresses that were shaded. Words that are 0 are skipped. */
  markRange(from: Ptr, nwords: number): void {
    const { kernel, workAddr } = this;
    let addr = (from << 2) >>> 0;
    while (nwords > 0) {
      const done = kernel.markRange(workAddr, addr, nwords) >>> 0;
      addr = (addr + done * 4) >>> 0;
      nwords -= done;
      if (nwords > 0) this.moreBuffers();
    }
  }

  /** Marks the object that `addr` points into. */
  markOne(addr: number): void {
    while (this.kernel.markOne(this.workAddr, addr) === 0) this.moreBuffers();
  }

  /** Has the object that `addr` points into scanned, without marking it: what an object with a finalizer leads to. `addr` is an address of the heap. */
  scanObject(addr: number): void {
    while (this.kernel.scanObject(this.workAddr, addr) === 0) this.moreBuffers();
  }

  /** Has every marked object of a span scanned again. */
  rescanMarked(s: SpanPtr): void {
    while (this.kernel.rescanMarked(this.workAddr, (s << 2) >>> 0) === 0) this.moreBuffers();
  }

  /** Scans about `budget` bytes, or until nothing is left here and on the full list. Returns the bytes scanned. */
  drain(budget: number): number {
    const before = this.scanWork;
    const until = before + budget;
    // Memory may have come free since it was last asked for.
    this.mem[this.work + MAY_DROP] = 0;
    while (this.kernel.drain(this.workAddr, Math.min(until - this.scanWork, 0xffffffff)) === DRAIN_NEEDS_BUFFERS) this.moreBuffers();
    return this.scanWork - before;
  }

  /** Hands all that is left to other markers, and to this one's next call. What was put off is marked first. */
  flushLocal(): void {
    while (this.kernel.flushLocal(this.workAddr) === 0) this.moreBuffers();
  }

  /** From now on pointers that lead all over the heap are put off and marked in the order of addresses (kernel/deferred.ts), if there is memory for that. */
  deferPointers(): void {
    const { mem, work } = this;
    if (mem[work + DEFERRED] === 0) mem[work + DEFERRED] = this.allocBuffers(DeferredPointers.words * 4);
  }

  /** Entries, and pointers put off, in this marker's own hands. */
  get pending(): number {
    const { mem, work } = this;
    const area = mem[work + DEFERRED]! >>> 2;
    const deferred = area === 0 ? 0 : mem[area + OFF_N]! + ((mem[area + OFF_END]! - mem[area + OFF_AT]!) >>> 2);
    return mem[work + N]! + deferred;
  }

  /** Forgets what is left: the cycle is over. */
  discard(): void {
    const { mem, work } = this;
    const area = mem[work + DEFERRED]! >>> 2;
    if (area !== 0) mem.fill(0, area, area + OFF_HEADER);
    mem[work + N] = 0;
  }

  /** Whether the full list is empty. What this marker has on its stack does not count. */
  nothingToTake(): boolean {
    // The low half of the list's head. Pairs with the compare-and-swap of whoever puts a buffer there.
    return Atomics.load(this.mem, this.lists + FULL) === 0;
  }

  /** Whether entries were dropped since this was last asked. */
  takeOverflow(): boolean {
    // Pairs with the store in the kernel; of two that ask, one is told.
    return Atomics.exchange(this.mem, this.lists + OVERFLOW, 0) !== 0;
  }

  /** Entries were lost: all that is marked has to be scanned again. */
  setOverflow(): void {
    Atomics.store(this.mem, this.lists + OVERFLOW, 1);
  }

  /** Bytes scanned since the record was made. */
  get scanWork(): number {
    return this.f64[(this.work + SCAN_WORK) >>> 1]!;
  }

  /** Bytes of slots marked since the record was made. */
  get markedBytes(): number {
    return this.f64[(this.work + MARKED_BYTES) >>> 1]!;
  }

  /** Objects marked since the record was made. */
  get markedObjects(): number {
    return this.f64[(this.work + MARKED_OBJECTS) >>> 1]!;
  }

  /** Pointers met, since the record was made, that lead to no object. */
  get badPointers(): number {
    return this.mem[this.work + BAD_POINTERS]! >>> 0;
  }

  /** The last of them. */
  get lastBadPointer(): number {
    return this.mem[this.work + LAST_BAD]! >>> 0;
  }

  /** Whether the thread whose record this was died while it drained: entries are lost, as if they had overflowed. Resets it. */
  takeBroken(): boolean {
    const broken = this.mem[this.work + BUSY] !== 0;
    this.mem[this.work + BUSY] = 0;
    return broken;
  }

  private moreBuffers(): void {
    const addr = this.allocBuffers(WORK_BUF_ALLOC);
    if (addr === 0) this.mem[this.work + MAY_DROP] = 1;
    else this.kernel.addEmpty((this.lists << 2) >>> 0, addr, WORK_BUF_ALLOC);
  }
}

/** The shuffles that move the words whose bits are set in 0..15 to the front, at byte address `at`. */
function fillCompress(u8: Uint8Array, at: number): void {
  for (let set = 0; set < 16; set++) {
    let to = at + set * 16;
    const end = to + 16;
    for (let word = 0; word < 4; word++) {
      if (((set >>> word) & 1) === 0) continue;
      for (let byte = 0; byte < 4; byte++) u8[to++] = word * 4 + byte;
    }
    u8.fill(NO_BYTE, to, end);
  }
}
