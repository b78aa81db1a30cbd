/**
 * The timed loops.
 *
 * A kernel's `run(n)` does n operations and nothing else; the clock is read outside. It is called many times with a small
 * n, so that what is measured is an optimised function and not one long loop replaced on the stack. The implementations
 * share these kernels, yet every call site stays monomorphic: a process measures one implementation (child.ts).
 *
 * Blocks are either addresses (numbers, kept in a typed array, freed by hand) or objects (kept in an array, let go of by
 * overwriting the last reference; the engine's collector is then part of the cost).
 *
 * All take their sizes from a table whose length is a power of two; a fixed size is a table of one.
 */

/** An allocator that hands out addresses; 0 or an exception when it has no more. */
export interface AddressAllocator {
  alloc(size: number): number;
  free(address: number): void;
}

/** An allocator that hands out objects, which the engine collects. */
export interface ObjectAllocator {
  alloc(size: number): object;
}

export interface Kernel {
  /** Does `n` operations. */
  run(n: number): void;
}

/** Allocates addresses and keeps none. */
export class FreshAddresses implements Kernel {
  private readonly allocator: AddressAllocator;
  private readonly sizes: Uint32Array;
  private at = 0;

  constructor(allocator: AddressAllocator, sizes: Uint32Array) {
    this.allocator = allocator;
    this.sizes = sizes;
  }

  run(n: number): void {
    const { allocator, sizes } = this;
    const mask = sizes.length - 1;
    let at = this.at;
    let last = 1;
    for (let i = 0; i < n; i++) last = allocator.alloc(sizes[at++ & mask]!);
    this.at = at & mask;
    if (last === 0) throw new Error("the allocator ran out of memory while it was timed");
  }
}

/** Keeps `live` addresses; each operation frees the oldest and allocates another in its place. */
export class RingAddresses implements Kernel {
  private readonly allocator: AddressAllocator;
  private readonly sizes: Uint32Array;
  private readonly blocks: Uint32Array;
  private at = 0;
  private oldest = 0;

  constructor(allocator: AddressAllocator, sizes: Uint32Array, live: number) {
    this.allocator = allocator;
    this.sizes = sizes;
    this.blocks = fill(allocator, sizes, live);
  }

  run(n: number): void {
    const { allocator, sizes, blocks } = this;
    const mask = sizes.length - 1;
    const live = blocks.length;
    let at = this.at;
    let oldest = this.oldest;
    let last = 1;
    for (let i = 0; i < n; i++) {
      allocator.free(blocks[oldest]!);
      last = allocator.alloc(sizes[at++ & mask]!);
      blocks[oldest] = last;
      if (++oldest === live) oldest = 0;
    }
    this.at = at & mask;
    this.oldest = oldest;
    if (last === 0) throw new Error("the allocator ran out of memory while it was timed");
  }
}

/** Keeps `live` addresses; each operation frees one drawn at random and allocates another in its place. */
export class RandomAddresses implements Kernel {
  private readonly allocator: AddressAllocator;
  private readonly sizes: Uint32Array;
  private readonly blocks: Uint32Array;
  private at = 0;
  private state: number;

  constructor(allocator: AddressAllocator, sizes: Uint32Array, live: number, seed: number) {
    this.allocator = allocator;
    this.sizes = sizes;
    this.blocks = fill(allocator, sizes, live);
    this.state = seed | 0 || 1;
  }

  run(n: number): void {
    const { allocator, sizes, blocks } = this;
    const mask = sizes.length - 1;
    const scale = blocks.length / 2 ** 32;
    let at = this.at;
    let x = this.state;
    let last = 1;
    for (let i = 0; i < n; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      const slot = ((x >>> 0) * scale) | 0;
      allocator.free(blocks[slot]!);
      last = allocator.alloc(sizes[at++ & mask]!);
      blocks[slot] = last;
    }
    this.at = at & mask;
    this.state = x;
    if (last === 0) throw new Error("the allocator ran out of memory while it was timed");
  }
}

/** Allocates objects and keeps only the newest. */
export class FreshObjects implements Kernel {
  /** The newest object: what stops the engine from leaving the allocation out. */
  newest: object | undefined;
  private readonly allocator: ObjectAllocator;
  private readonly sizes: Uint32Array;
  private at = 0;

  constructor(allocator: ObjectAllocator, sizes: Uint32Array) {
    this.allocator = allocator;
    this.sizes = sizes;
  }

  run(n: number): void {
    const { allocator, sizes } = this;
    const mask = sizes.length - 1;
    let at = this.at;
    for (let i = 0; i < n; i++) this.newest = allocator.alloc(sizes[at++ & mask]!);
    this.at = at & mask;
  }
}

/** Keeps `live` objects; each operation replaces the oldest. */
export class RingObjects implements Kernel {
  private readonly allocator: ObjectAllocator;
  private readonly sizes: Uint32Array;
  private readonly blocks: object[];
  private at = 0;
  private oldest = 0;

  constructor(allocator: ObjectAllocator, sizes: Uint32Array, live: number) {
    this.allocator = allocator;
    this.sizes = sizes;
    this.blocks = fillObjects(allocator, sizes, live);
  }

  run(n: number): void {
    const { allocator, sizes, blocks } = this;
    const mask = sizes.length - 1;
    const live = blocks.length;
    let at = this.at;
    let oldest = this.oldest;
    for (let i = 0; i < n; i++) {
      blocks[oldest] = allocator.alloc(sizes[at++ & mask]!);
      if (++oldest === live) oldest = 0;
    }
    this.at = at & mask;
    this.oldest = oldest;
  }
}

/** Keeps `live` objects; each operation replaces one drawn at random. */
export class RandomObjects implements Kernel {
  private readonly allocator: ObjectAllocator;
  private readonly sizes: Uint32Array;
  private readonly blocks: object[];
  private at = 0;
  private state: number;

  constructor(allocator: ObjectAllocator, sizes: Uint32Array, live: number, seed: number) {
    this.allocator = allocator;
    this.sizes = sizes;
    this.blocks = fillObjects(allocator, sizes, live);
    this.state = seed | 0 || 1;
  }

  run(n: number): void {
    const { allocator, sizes, blocks } = this;
    const mask = sizes.length - 1;
    const scale = blocks.length / 2 ** 32;
    let at = this.at;
    let x = this.state;
    for (let i = 0; i < n; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      blocks[((x >>> 0) * scale) | 0] = allocator.alloc(sizes[at++ & mask]!);
    }
    this.at = at & mask;
    this.state = x;
  }
}

function fill(allocator: AddressAllocator, sizes: Uint32Array, live: number): Uint32Array {
  const blocks = new Uint32Array(live);
  for (let i = 0; i < live; i++) {
    const address = allocator.alloc(sizes[i & (sizes.length - 1)]!);
    if (address === 0) throw new Error(`the allocator ran out of memory at block ${i} of the ${live} that are to be live`);
    blocks[i] = address;
  }
  return blocks;
}

function fillObjects(allocator: ObjectAllocator, sizes: Uint32Array, live: number): object[] {
  const blocks: object[] = [];
  for (let i = 0; i < live; i++) blocks.push(allocator.alloc(sizes[i & (sizes.length - 1)]!));
  return blocks;
}
