import fc from "fast-check";
import type { Ptr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { TINY_BLOCK_DEAD, TINY_FREED, TINY_NOT_LIVE, TinyBits, type SpanPtr } from "./index.ts";
import { testSpans, type TestSpans } from "./testing/test-spans.ts";

const BLOCK = (512 << 10) / 4;

function tinySpan(): { t: TestSpans; s: SpanPtr } {
  const t = testSpans();
  const s = t.make(5);
  expect(t.tiny.block(s)).toBe(0);
  expect(t.tiny.isTinyBlock(s, 3), "a span without masks has no tiny blocks").toBe(false);
  t.tiny.attach(s, BLOCK as Ptr);
  expect(t.tiny.block(s)).toBe(BLOCK);
  return { t, s };
}

describe("the masks of tiny blocks", () => {
  test("any order of adding, freeing and closing does what sets of offsets do, and exactly one call sees the block die", () => {
    const offsets = fc.uniqueArray(fc.integer({ min: 1, max: 15 }), { maxLength: 15 });
    fc.assert(
      fc.property(offsets, fc.nat(503), fc.array(fc.nat(15), { maxLength: 40 }), fc.nat(40), (more, slot, frees, closeAt) => {
        const { t, s } = tinySpan();
        const masks = t.tiny.masksOf(s, slot);
        const starts = new Set([0, ...more]);
        const live = new Set(starts);
        t.tiny.open(masks);
        for (const offset of more) t.tiny.add(masks, offset);
        const block = { closed: false };
        let dead = 0;
        const close = (): void => {
          block.closed = true;
          if (t.tiny.close(masks)) dead++;
        };
        for (const [i, offset] of frees.entries()) {
          if (i === closeAt) close();
          const result = t.tiny.free(s, slot, offset);
          if (!live.delete(offset)) expect(result).toBe(TINY_NOT_LIVE);
          else expect(result).toBe(block.closed && live.size === 0 ? TINY_BLOCK_DEAD : TINY_FREED);
          if (result === TINY_BLOCK_DEAD) dead++;
          if (dead === 0) {
            for (let at = 0; at < 16; at++) {
              expect(t.tiny.isStart(s, slot, at)).toBe(starts.has(at));
              expect(t.tiny.isLive(s, slot, at)).toBe(live.has(at));
            }
          }
        }
        if (!block.closed) close();
        expect(dead).toBe(live.size === 0 ? 1 : 0);
        expect(t.tiny.isTinyBlock(s, slot), "a dead block's masks are empty").toBe(live.size > 0);
        expect(t.tiny.isTinyBlock(s, slot === 503 ? 502 : slot + 1), "its neighbour is not touched").toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  test("a block of sixteen one-byte objects is closed by filling it, and dies with the last of them", () => {
    const { t, s } = tinySpan();
    const masks = t.tiny.masksOf(s, 0);
    t.tiny.open(masks);
    for (let i = 1; i < 16; i++) t.tiny.add(masks, i);
    expect(t.tiny.close(masks)).toBe(false);
    for (let i = 0; i < 15; i++) expect(t.tiny.free(s, 0, i)).toBe(TINY_FREED);
    expect(t.tiny.free(s, 0, 15)).toBe(TINY_BLOCK_DEAD);
    expect(t.tiny.free(s, 0, 15)).toBe(TINY_NOT_LIVE);
  });

  test("an object reaches to the next one of its block, or to the block's end", () => {
    const { t, s } = tinySpan();
    const masks = t.tiny.masksOf(s, 9);
    t.tiny.open(masks);
    for (const offset of [3, 8, 15]) t.tiny.add(masks, offset);
    expect([0, 3, 8, 15].map((offset) => t.tiny.extent(s, 9, offset))).toEqual([3, 5, 7, 1]);
  });

  test("a new block owes nothing to a double free that came too late for the last one in its slot", () => {
    const { t, s } = tinySpan();
    const masks = t.tiny.masksOf(s, 2);
    t.region.u16[masks + 1] = 1 << 4;
    t.tiny.open(masks);
    t.tiny.add(masks, 4);
    expect(t.tiny.isLive(s, 2, 4)).toBe(true);
    expect(t.tiny.free(s, 2, 4)).toBe(TINY_FREED);
  });

  test("the side block has one word for each slot", () => {
    expect(TinyBits.words(504)).toBe(504);
  });
});
