/**
 * One thread at random work on a heap: allocates, frees, and passes blocks to other threads, which free them.
 *
 * Every block says who made it and how long it is, and is stamped over its whole length; fresh memory has to be zero, and the stamp whole
 * when the block is freed. Passed blocks lie in the table, itself a block of the heap: one word each, exchanged atomically.
 *
 *     table   | state | address | address | ...          block   | maker << 24 | size | stamp | stamp | ...
 */
import type { Addr, Heap } from "@mallocgc/runtime";

/** Words of the table. The first one says what the threads are to do. */
export const TABLE_WORDS = 65;
export const STATE_WAIT = 0;
export const STATE_RUN = 1;
export const STATE_END = 2;

const MAX_LIVE = 150;
const SIZE_BITS = 24;

export interface Played {
  readonly steps: number;
  readonly allocated: number;
  readonly freed: number;
  /** Of those freed: blocks that another thread allocated. */
  readonly foreign: number;
}

export class Player {
  private readonly heap: Heap;
  private readonly table: number;
  private readonly maker: number;
  private readonly mine: Addr[] = [];
  private random: number;
  private steps = 0;
  private allocated = 0;
  private freed = 0;
  private foreign = 0;

  constructor(heap: Heap, table: Addr, maker: number, seed: number) {
    this.heap = heap;
    this.table = table >>> 2;
    this.maker = maker;
    this.random = seed | 1;
  }

  get played(): Played {
    const { steps, allocated, freed, foreign } = this;
    return { steps, allocated, freed, foreign };
  }

  step(): void {
    const kind = this.below(100);
    if (kind < 20) this.pass();
    else if (kind < 65 && this.mine.length < MAX_LIVE) this.mine.push(this.allocate());
    else this.freeOne();
    this.steps++;
  }

  freeAll(): void {
    while (this.mine.length > 0) this.freeOne();
  }

  /** Frees what lies in the table. */
  clearTable(): void {
    for (let i = 1; i < TABLE_WORDS; i++) this.take(i, 0);
  }

  private allocate(): Addr {
    const { heap } = this;
    const size = this.size();
    const addr = heap.mallocgc(size);
    const from = addr >>> 2;
    const words = heap.i32.subarray(from, from + size / 4);
    if (!words.every((word) => word === 0)) throw new Error(`the new block of ${size} bytes at ${addr} is not zero`);
    words.fill(stampOf(addr));
    words[0] = (this.maker << SIZE_BITS) | size;
    this.allocated++;
    return addr;
  }

  private free(addr: Addr): void {
    const { heap } = this;
    const from = addr >>> 2;
    const head = heap.i32[from]!;
    const size = head & ((1 << SIZE_BITS) - 1);
    const stamp = stampOf(addr);
    if (size === 0 || !heap.i32.subarray(from + 1, from + size / 4).every((word) => word === stamp)) {
      throw new Error(`the block of ${size} bytes at ${addr} was written by somebody else`);
    }
    heap.free(addr);
    this.freed++;
    if (head >>> SIZE_BITS !== this.maker) this.foreign++;
  }

  private freeOne(): void {
    const i = this.below(this.mine.length);
    const addr = this.mine[i];
    if (addr === undefined) return;
    this.mine[i] = this.mine.at(-1)!;
    this.mine.pop();
    this.free(addr);
  }

  private pass(): void {
    this.take(1 + this.below(TABLE_WORDS - 1), this.allocate());
  }

  /** Puts an address into the table, and frees what was there. */
  private take(i: number, addr: number): void {
    const old = Atomics.exchange(this.heap.i32, this.table + i, addr);
    if (old !== 0) this.free(old as Addr);
  }

  /** Tiny, small, middling, or large: the last take the heap lock every time. A multiple of 4. */
  private size(): number {
    const kind = this.below(10);
    if (kind < 2) return 4 + 4 * this.below(3);
    if (kind < 6) return 16 + 4 * this.below(250);
    if (kind < 8) return 1024 + 4 * this.below(2000);
    return 32768 + 4 * this.below(8192);
  }

  private below(n: number): number {
    let x = this.random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.random = x;
    return (x >>> 0) % n;
  }
}

function stampOf(addr: number): number {
  return addr ^ 0x5a5a5a5a;
}
