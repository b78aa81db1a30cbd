/**
 * Spans that a thread had in its hands when it died: not in its mcache, and on no set.
 *
 * A span's record names who holds it from the moment it leaves a set, or is made, until it is on a set again; so a walk over all spans finds them.
 * What its generation says decides (h is the heap's; no cycle can have gone further, since the dead P has not acked what comes next):
 *
 *     h-2         taken for a sweep that had not begun         swept
 *     h-1         in the middle of a sweep                     ended, with what the bits say
 *     h           swept or fresh, on its way to an mcache
 *     h+1, h+3    on its way from an mcache
 *
 * and then it goes where it belongs: to its central, or, a large block that was just being made or freed by hand, to the heap. In a heap that is
 * freed by hand, a thread may besides have died between freeing a slot and moving the span to another set for it; whoever finds that does it.
 */
import { FREED_FULL, FREED_HELD, FREED_LISTED, MSpan, freedCount, freedMerges, freedState, type SpanPtr } from "@mallocgc/mspan";
import { allSpans } from "./all-spans.ts";
import type { Layers } from "./layers.ts";

const { allocCount: ALLOC_COUNT, freed: FREED, holder: HOLDER, spanClass: SPAN_CLASS, sweepgen: SWEEPGEN } = MSpan.offset;

/** Whether the dead P had begun to turn freed slots of a span of its own into free ones: then others may have counted on either. */
export function diedInMerge(dead: Layers): boolean {
  const { mem } = dead.spans;
  for (const s of allSpans(dead)) if (isHeldBy(dead, s) && (freedMerges(Atomics.load(mem, s + FREED)) & 1) === 1) return true;
  return false;
}

/** Puts every span that the dead P had in its hands where it belongs. The caller acts for that P, whose layers these are. */
export function takeBackOrphans(dead: Layers): void {
  const { central, pages, sweeper, spans, processors, mutexes } = dead;
  const { mem, heapSweepgen } = spans;
  pages.repair();
  const cached = processors.mcacheOf(mutexes.owner - 1);
  for (const s of allSpans(dead)) {
    if (isHeldBy(dead, s)) {
      if (mem[cached + mem[s + SPAN_CLASS]!] === s) continue;
      const behind = (Atomics.load(mem, heapSweepgen) - mem[s + SWEEPGEN]!) | 0;
      if (behind === 1) sweeper!.finishBroken(s);
      else if (behind === 2 && sweeper!.tryAcquire(s)) sweeper!.sweep(s);
      if (sweeper === undefined && mem[s + SPAN_CLASS]! < 2) pages.free(s);
      else central.uncacheSpan(s);
    } else if (sweeper === undefined) {
      settle(dead, s);
    }
  }
}

/** What the dead P may owe for a free in a span of a by-hand heap. Others may owe it just now: the central looks again, under its lock. */
function settle({ spans, central }: Layers, s: SpanPtr): void {
  const { mem } = spans;
  const word = Atomics.load(mem, s + FREED);
  if (freedState(word) === FREED_FULL && freedCount(word) >= central.threshold(mem[s + SPAN_CLASS]!)) central.list(s);
  else if (freedState(word) === FREED_LISTED && freedCount(word) === mem[s + ALLOC_COUNT]!) central.release(s);
}

function isHeldBy({ spans, mutexes }: Layers, s: SpanPtr): boolean {
  const { mem } = spans;
  // Nobody else writes what names this P; what names another is of no interest, however old.
  return mem[s + HOLDER] === mutexes.owner && freedState(Atomics.load(mem, s + FREED)) === FREED_HELD;
}
