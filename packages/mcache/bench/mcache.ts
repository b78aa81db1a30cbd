/**
 * What an allocation costs, refills and all:
 *
 *     node --conditions=dev packages/mcache/bench/mcache.ts [NAME ...]
 *
 * Blocks are allocated 1000 at a time, and freed again; only the allocations are timed, but for tiny objects.
 */
import { makeSpanClass, sizeToClass } from "@mallocgc/sizeclass";
// eslint-disable-next-line no-restricted-imports -- the test heap of this very package
import { TestCache } from "../src/testing/test-cache.ts";
import { run, time, type Figures } from "@mallocgc/testing";

const BATCH = 1000;

/** Only the allocations are timed. */
function alloc(size: number, zero: number): Figures {
  const t = TestCache.create(64 << 20);
  const spc: number = makeSpanClass(sizeToClass(size), true);
  const blocks = new Float64Array(BATCH);
  const allocAll = (): void => {
    for (let i = 0; i < BATCH; i++) blocks[i] = t.cache.alloc(spc, zero);
  };
  let spent = 0;
  let n = 0;
  for (let round = 0; round < 3000; round++) {
    const start = performance.now();
    allocAll();
    if (round >= 1000) {
      spent += performance.now() - start;
      n += BATCH;
    }
    for (let i = 0; i < BATCH; i++) t.freeAddr(blocks[i]!);
  }
  return { n, ns: (spent * 1e6) / n };
}

function tiny(): Figures {
  const t = TestCache.create(64 << 20);
  const objects = new Float64Array(BATCH);
  return time(() => {
    for (let i = 0; i < BATCH; i++) objects[i] = t.tiny.alloc(1 + (i & 7));
    for (let i = 0; i < BATCH; i++) t.freeTiny(objects[i]!);
  }, BATCH);
}

await run(import.meta.url, {
  "Alloc/size=64/zeroed=no": () => alloc(64, 0),
  "Alloc/size=64/zeroed=yes": () => alloc(64, 1),
  "Alloc/size=1024/zeroed=no": () => alloc(1024, 0),
  "Alloc/size=1024/zeroed=yes": () => alloc(1024, 1),
  "TinyAllocAndFree/size=1..8": tiny,
});
