/**
 * What it costs to take a span from its central and to give it back:
 *
 *     node --conditions=dev packages/mcentral/bench/mcentral.ts [NAME ...]
 */
import { makeSpanClass, sizeToClass } from "@mallocgc/sizeclass";
// eslint-disable-next-line no-restricted-imports -- the test heap of this very package
import { TestCentral } from "../src/testing/test-central.ts";
import { run, time, type Figures } from "@mallocgc/testing";

const B64: number = makeSpanClass(sizeToClass(64), true);
const BATCH = 1000;

function cacheUncache(): Figures {
  const t = TestCentral.create();
  for (let i = 0; i < 20; i++) t.central.uncacheSpan(t.grown(B64, 50));
  return time(() => {
    for (let i = 0; i < BATCH; i++) t.central.uncacheSpan(t.central.cacheSpan(B64));
  }, BATCH);
}

function growRelease(): Figures {
  const t = TestCentral.create();
  return time(() => {
    for (let i = 0; i < BATCH; i++) t.central.uncacheSpan(t.central.cacheSpan(B64));
  }, BATCH);
}

/** Frees the slots of a span on the full set, one in an eighth of them moving it, the last giving it back; and makes the next. */
function fillAndFree(): Figures {
  const t = TestCentral.create();
  return time(() => {
    for (let i = 0; i < 10; i++) {
      const s = t.central.cacheSpan(B64);
      while (t.spans.nextFree(s) !== 0);
      t.central.uncacheSpan(s);
      for (let slot = 0; slot < 126; slot++) t.free(s, slot);
    }
  }, 10);
}

await run(import.meta.url, {
  "CacheUncache/from=partial": cacheUncache,
  "CacheUncache/from=heap": growRelease,
  "SpanLife/size=64/slots=126": fillAndFree,
});
