import { describe, expect, it } from "vitest";
import { FreshAddresses, FreshObjects, RandomAddresses, RandomObjects, RingAddresses, RingObjects, type AddressAllocator } from "./kernels.ts";

/** Hands out 1, 2, 3, ... and knows what is live; refuses a free of what is not. */
class CountingAllocator implements AddressAllocator {
  readonly live: Map<number, number> = new Map();
  readonly freed: number[] = [];
  private last = 0;

  alloc(size: number): number {
    this.live.set(++this.last, size);
    return this.last;
  }

  free(address: number): void {
    if (!this.live.delete(address)) throw new Error(`free of ${address}, which is not live`);
    this.freed.push(address);
  }
}

const SIZES = Uint32Array.of(8, 16, 24, 32);

describe("the kernels over addresses", () => {
  it("allocate and never free, in alloc-fresh", () => {
    const allocator = new CountingAllocator();
    const kernel = new FreshAddresses(allocator, SIZES);
    kernel.run(3);
    kernel.run(3);
    expect([...allocator.live.values()]).toEqual([8, 16, 24, 32, 8, 16]);
    expect(allocator.freed).toEqual([]);
  });

  it("free the oldest first, in a ring, and keep as many live as asked for", () => {
    const allocator = new CountingAllocator();
    const kernel = new RingAddresses(allocator, SIZES, 5);
    expect(allocator.live.size).toBe(5);
    for (let i = 0; i < 4; i++) kernel.run(3);
    expect(allocator.freed).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(allocator.live.size).toBe(5);
  });

  it("free each live block with the same chance, in random order", () => {
    const allocator = new CountingAllocator();
    const kernel = new RandomAddresses(allocator, SIZES, 10, 42);
    kernel.run(10_000);
    expect(allocator.live.size).toBe(10);
    // The mean age of a block drawn at random is the number of live blocks.
    const ages = allocator.freed.map((address, i) => i + 10 - address);
    const mean = ages.reduce((sum, age) => sum + age, 0) / ages.length;
    expect(mean).toBeGreaterThan(8);
    expect(mean).toBeLessThan(12);
  });

  it("complain when the allocator has no more", () => {
    const empty: AddressAllocator = { alloc: () => 0, free: () => undefined };
    expect(() => new FreshAddresses(empty, SIZES).run(1)).toThrow(/ran out/);
    expect(() => new RingAddresses(empty, SIZES, 3)).toThrow(/ran out/);
  });
});

describe("the kernels over objects", () => {
  it("ask for the same sizes in the same order", () => {
    for (const make of [
      (alloc: (size: number) => object) => new FreshObjects({ alloc }, SIZES),
      (alloc: (size: number) => object) => new RingObjects({ alloc }, SIZES, 4),
      (alloc: (size: number) => object) => new RandomObjects({ alloc }, SIZES, 4, 1),
    ]) {
      const asked: number[] = [];
      const kernel = make((size) => {
        asked.push(size);
        return {};
      });
      asked.length = 0;
      kernel.run(5);
      expect(asked).toEqual([8, 16, 24, 32, 8]);
    }
  });
});
