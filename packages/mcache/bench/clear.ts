/**
 * Ways to clear a block of shared memory, by its size (docs/decisions/0012-clearing-and-kernels.md):
 *
 *     node --conditions=dev packages/mcache/bench/clear.ts [size=64 ...]
 *
 * The blocks are those of 1 MiB in turn, so that they come from the second-level cache, as a reused span's do.
 */
import { Clearer } from "@mallocgc/mcache";
import { bulkKernel, createRegion, type Region } from "@mallocgc/sysmem";
import { run, time, type Figures } from "@mallocgc/testing";

const BYTES = 1 << 20;
const START = 1 << 16;

class WordLoop {
  readonly mem: Int32Array;
  constructor(region: Region) {
    this.mem = region.i32;
  }
  clear(addr: number, nbytes: number): void {
    const mem = this.mem;
    const to = (addr + nbytes) >>> 2;
    for (let i = addr >>> 2; i < to; i++) mem[i] = 0;
  }
}

class DoubleLoop {
  readonly f64: Float64Array;
  constructor(region: Region) {
    this.f64 = region.f64;
  }
  clear(addr: number, nbytes: number): void {
    const f64 = this.f64;
    const to = (addr + nbytes) / 8;
    for (let i = addr / 8; i < to; i++) f64[i] = 0;
  }
}

class Fill {
  readonly mem: Int32Array;
  constructor(region: Region) {
    this.mem = region.i32;
  }
  clear(addr: number, nbytes: number): void {
    this.mem.fill(0, addr >>> 2, (addr + nbytes) >>> 2);
  }
}

class Kernel {
  private readonly kernel: (addr: number, nbytes: number) => void;
  constructor(region: Region) {
    this.kernel = bulkKernel(region).clear;
  }
  clear(addr: number, nbytes: number): void {
    this.kernel(addr, nbytes);
  }
}

function measure(way: { clear(addr: number, nbytes: number): void }, size: number): Figures {
  const n = Math.floor(BYTES / size);
  return time(() => {
    for (let i = 0; i < n; i++) way.clear(START + i * size, size);
  }, n, 150);
}

const WAYS: Readonly<Record<string, (region: Region) => { clear(addr: number, nbytes: number): void }>> = {
  "Clearer": (region) => new Clearer(region),
  "double-loop": (region) => new DoubleLoop(region),
  "word-loop": (region) => new WordLoop(region),
  "kernel": (region) => new Kernel(region),
  "fill": (region) => new Fill(region),
};

const cases: Record<string, () => Figures> = {};
for (const size of [16, 32, 64, 96, 128, 192, 256, 1024, 8192, 32768]) {
  for (const [name, way] of Object.entries(WAYS)) cases[`Clear/size=${size}/way=${name}`] = () => measure(way(createRegion(START + 2 * BYTES, true)), size);
}
await run(import.meta.url, cases, 3);
