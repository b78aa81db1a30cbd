/** The soak proves something only if it notices a heap that is wrong: here the heaps are wrong on purpose. */
import { createHeap, type Heap } from "@mallocgc/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Control } from "./control.ts";
import { Player, type HeapUnderTest, type Mood } from "./player.ts";

const MOOD: Mood = { maxLive: 500, maxLiveBytes: 4 << 20, allocate: 60, give: 20 };

let heap: Heap;
beforeEach(() => {
  heap = createHeap({ gc: false, maxBytes: 16 << 20, shared: false });
});
afterEach(() => {
  heap.close();
});

/** The real heap with some of its methods replaced. */
function faulty(changes: Partial<HeapUnderTest>): HeapUnderTest {
  return {
    i32: heap.i32,
    u8: heap.u8,
    maxBytes: heap.maxBytes,
    mallocgc: (size, options) => heap.mallocgc(size, options),
    free: (addr) => {
      heap.free(addr);
    },
    usableSize: (addr) => heap.usableSize(addr),
    ...changes,
  };
}

function play(under: HeapUnderTest, steps = 20_000): Control {
  const control = new Control(1);
  const player = new Player(under, control, 0, 1);
  for (let step = 0; step < steps; step++) player.step(step, MOOD);
  player.freeAll();
  return control;
}

test("a sound heap passes, and all kinds of step happen", () => {
  const { steps, allocations, frees, handedOver, refused } = play(faulty({})).totals();
  expect(steps).toBe(20_000);
  expect(frees).toBeLessThanOrEqual(allocations);
  expect(Math.min(frees, handedOver, refused)).toBeGreaterThan(10);
});

test("a seed gives the same intentions again", () => {
  const sizes = (): number[] => {
    const asked: number[] = [];
    play(
      faulty({
        mallocgc: (size, options) => {
          asked.push(size);
          return heap.mallocgc(size, options);
        },
      }),
      3000,
    );
    return asked;
  };
  expect(sizes()).toEqual(sizes());
});

test("a block handed out twice is noticed", () => {
  let last = 0;
  let n = 0;
  const twice = faulty({
    mallocgc: (size, options) => {
      if (++n % 50 === 0 && last !== 0 && size === 0) return last;
      const addr = heap.mallocgc(size, options);
      if (n % 50 === 0 && last !== 0 && heap.usableSize(last) === heap.usableSize(addr)) return last;
      last = addr;
      return addr;
    },
  });
  expect(() => play(twice)).toThrow(/written over|is not zero|usableSize/);
});

test("a write outside of its block is noticed", () => {
  let n = 0;
  const stray = faulty({
    usableSize: (addr) => {
      const usable = heap.usableSize(addr);
      // 256 bytes past the end: where Go's roundupsize gives the same figure, the wrong size itself would be noticed first.
      if (++n % 100 === 0 && usable >= 1024) heap.u8.fill(0x5a, addr + usable, addr + usable + 256);
      return usable;
    },
  });
  expect(() => play(stray)).toThrow(/written over|is not zero/);
});

test("memory that was not cleared is noticed", () => {
  const dirty = faulty({ mallocgc: (size, { noscan }) => heap.mallocgc(size, { noscan, zeroed: false }) });
  expect(() => play(dirty)).toThrow(/is not zero/);
});

test("a size that is not Go's is noticed", () => {
  const short = faulty({ mallocgc: (size, options) => heap.mallocgc(size === 600 ? 500 : size, options) });
  expect(() => play(short, 100_000)).toThrow(/600 bytes.*usableSize is 512, expected 640/);
});

test("a misaligned block is noticed", () => {
  const askew = faulty({
    mallocgc: (size, options) => heap.mallocgc(size, options) + 4,
    usableSize: (addr) => heap.usableSize(addr - 4),
    free: (addr) => {
      heap.free(addr - 4);
    },
  });
  expect(() => play(askew)).toThrow(/not a multiple of/);
});

test("a wrong address that is taken without complaint is noticed", () => {
  const lenient = faulty({
    free: (addr) => {
      if (addr !== 0) heap.free(addr);
    },
  });
  expect(() => play(lenient)).toThrow(/free\(0\) was not refused with ERR_ADDRESS_NIL/);
});

test("a heap that is exhausted in any other way than it should say is noticed", () => {
  let n = 0;
  const broken = faulty({
    mallocgc: (size, options) => {
      if (++n === 1000) throw new RangeError("offset is out of bounds");
      return heap.mallocgc(size, options);
    },
  });
  expect(() => play(broken)).toThrow(RangeError);
});
