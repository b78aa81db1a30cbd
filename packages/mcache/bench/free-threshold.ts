/**
 * The count of freed slots at which a full span is offered again (docs/decisions/0001-free-threshold.md):
 *
 *     node --conditions=dev packages/mcache/bench/free-threshold.ts [live=10000 ...]
 *
 * One operation frees a random block of those that live and allocates another in its place, all of one size.
 */
import { MCentral } from "@mallocgc/mcentral";
import { SPAN_CLASS_TO_NELEMS } from "@mallocgc/mspan";
import { makeSpanClass, sizeToClass } from "@mallocgc/sizeclass";
import { PAGE_SIZE } from "@mallocgc/sysmem";
// eslint-disable-next-line no-restricted-imports -- the test heap of this very package
import { TestCache } from "../src/testing/test-cache.ts";
import { run, time, type Figures } from "@mallocgc/testing";

const BATCH = 10_000;

function randomReplace(live: number, size: number, part: number): Figures {
  const t = TestCache.create(512 << 20);
  const spc: number = makeSpanClass(sizeToClass(size), true);
  const word = t.central.recordOf(spc) + MCentral.offset.threshold;
  const threshold = Math.max(1, Math.floor(SPAN_CLASS_TO_NELEMS[spc]! * part));
  const blocks = new Float64Array(live);
  for (let i = 0; i < live; i++) blocks[i] = t.cache.alloc(spc, 0);
  let state = 12345;
  let refills = 0;
  let cached = t.cached(spc);
  const kernel = (): void => {
    // A class that grows goes back to the threshold of its own.
    t.mem[word] = threshold;
    for (let i = 0; i < BATCH; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      const at = (state >>> 0) % live;
      t.freeAddr(blocks[at]!);
      blocks[at] = t.cache.alloc(spc, 0);
    }
  };
  // Until the spans are as mixed as they will be.
  for (let i = 0; i < (4 * live) / BATCH; i++) kernel();
  const figures = time(kernel, BATCH, live > 100_000 ? 1000 : 300);
  t.mem[word] = threshold;
  for (let i = 0; i < BATCH; i++) {
    t.freeAddr(blocks[i % live]!);
    blocks[i % live] = t.cache.alloc(spc, 0);
    if (t.cached(spc) === cached) continue;
    cached = t.cached(spc);
    refills++;
  }
  return { ...figures, "allocs/refill": BATCH / Math.max(1, refills), "B-in-use/B-live": (t.pagesInUse() * PAGE_SIZE) / (live * size) };
}

const cases: Record<string, () => Figures> = {};
for (const live of [10_000, 1_000_000]) {
  for (const [name, part] of [["1/8", 1 / 8], ["1", 0], ["1/16", 1 / 16], ["1/4", 1 / 4], ["1/2", 1 / 2]] as const) {
    cases[`RandomReplace/size=64/live=${live}/threshold=${name}`] = () => randomReplace(live, 64, part);
  }
}
await run(import.meta.url, cases, 3);
