/** The warning of turns that do not end, as the background loop gives it: whom, when, and how often. With a given clock. */
import { GcProcessor, STEP_ARM } from "@mallocgc/gc";
import { afterEach, describe, expect, test, vi } from "vitest";
import { LongTurns } from "./background-loop.ts";
import { Driver } from "./testing/driver.ts";
import { TestHeap, type TestP } from "./testing/test-p.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A driver that looks for long turns, a P, and a clock. */
function scene(): { d: Driver; p: TestP; warnings: [number, number][]; lookAt: (ms: number) => void } {
  const heap = new TestHeap();
  const d = new Driver(heap);
  const p = heap.attach();
  const warnings: [number, number][] = [];
  const long = new LongTurns(d.p.collector, (processorId, ms) => warnings.push([processorId, ms]));
  const clock = vi.spyOn(performance, "now").mockReturnValue(0);
  return {
    d, p, warnings,
    lookAt: (ms) => {
      clock.mockReturnValue(ms);
      long.look();
    },
  };
}

describe("a turn that holds a cycle up", () => {
  test("for two seconds is told of once, with its thread and for how long; again when it has become twice as long", () => {
    const { d, p, warnings, lookAt } = scene();
    p.collector.mutator.enter();
    d.to(STEP_ARM);
    for (let ms = 0; ms <= 9000; ms += 100) lookAt(ms);
    const { processorId } = p;
    expect(warnings).toEqual([[processorId, 2000], [processorId, 4000], [processorId, 8000]]);
  });

  test("for less is not told of, however often", () => {
    const { d, p, warnings, lookAt } = scene();
    d.to(STEP_ARM);
    for (let i = 0; i < 20; i++) {
      p.collector.mutator.enter();
      // Behind again, as in a cycle of its own.
      p.mem[p.layers.processors.gcOf(p.processorId) + GcProcessor.offset.phaseSeen] = 0;
      lookAt(i * 2000);
      lookAt(i * 2000 + 1900);
      p.collector.mutator.leave();
    }
    expect(warnings).toEqual([]);
  });

  test("another time, in another turn of that thread, is told of anew", () => {
    const { d, p, warnings, lookAt } = scene();
    p.collector.mutator.enter();
    d.to(STEP_ARM);
    lookAt(0);
    lookAt(2500);
    p.collector.mutator.poll();
    d.advance();
    p.collector.mutator.poll();
    d.advance();
    p.collector.mutator.leave();
    expect(d.p.collector.heldUpBy()).toBeUndefined();
    lookAt(3000);
    p.collector.mutator.enter();
    d.advance();
    d.advance();
    lookAt(4000);
    lookAt(6500);
    expect(warnings).toEqual([[p.processorId, 2500], [p.processorId, 2500]]);
  });
});
