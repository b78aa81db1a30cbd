/**
 * What the verifier looks at in a collected heap besides: marks, generations, work, roots, and whether every pointer leads to an object.
 *
 *     no cycle under way    all mark bits are clear, no slot counts as new, no work is left anywhere, nothing is unswept
 *     at any time           marks are of slots that were handed out; a P in no turn has nothing shaded; from the roots on, each pointer leads to an
 *                           object that is there; markers have met no word that should be a pointer and is none; second marks have found nothing
 *
 * Like the rest of the verifier it is exact only while no other thread is at work; the thread that calls it may be in a turn.
 */
import { GcProcessor, GcRecord, PHASE_OFF, inTurn, phaseOf, walkReachable } from "@mallocgc/gc";
import { MSpan, SCAN_NEVER, type SpanPtr } from "@mallocgc/mspan";
import { allSpans } from "./all-spans.ts";
import type { Collector } from "./collector.ts";
import type { Layers } from "./layers.ts";

const SPAN = MSpan.offset;
const G = GcRecord.offset;
const P = GcProcessor.offset;

/** Reports when two values that must be equal are not. */
export type Expect = (invariant: string, where: string, expected: number | string, got: number | string) => void;

/** Looks at everything that only a collected heap has. */
export function verifyCollected(layers: Layers, collector: Collector, expect: Expect): void {
  const mem = layers.region.i32;
  const gc = layers.plan.at("gc");
  const off = phaseOf(mem[gc + G.phase]!) === PHASE_OFF;
  for (const s of allSpans(layers)) verifyMarks(layers, s, off, expect);
  const bad = collector.badPointers();
  expect("markers meet pointers only where pointers are", `heap, the last 0x${bad.last.toString(16)}`, 0, bad.count);
  expect("a second mark finds what the first has found", `heap, the last at ${mem[gc + G.lostAddr]! >>> 0}, from the word at ${mem[gc + G.lostFrom]! >>> 0}`, 0, mem[gc + G.lostObjects]!);
  if (off) {
    expect("between cycles no span is unswept", "sweeping", 0, mem[gc + G.sweeping]!);
    expect("between cycles no work is left", "full list", "empty", collector.nothingToTake() ? "empty" : "work buffers");
  }
  verifyProcessors(layers, expect);
  for (const broken of collector.roots.verify(layers.processors.length)) expect("roots", broken, "whole", "broken");
  verifyPointers(layers, collector, expect);
}

function verifyMarks({ region, spans }: Layers, s: SpanPtr, off: boolean, expect: Expect): void {
  const mem = region.i32;
  const where = `span ${s} at ${spans.base(s)}`;
  const nwords = (spans.nelems(s) + 31) >>> 5;
  const bits = mem[s + SPAN.freedBits]!;
  for (let w = 0; w < nwords; w++) {
    const marks = mem[bits + w]!;
    if (off) expect("between cycles no slot is marked", `${where}, word ${w}`, 0, marks);
    else if ((marks & ~spans.handedOutWord(s, w)) !== 0) expect("only what was handed out is marked", `${where}, word ${w}`, 0, marks & ~spans.handedOutWord(s, w));
  }
  if (off) expect("between cycles no slot is new", where, SCAN_NEVER, mem[s + SPAN.freeIndexForScan]!);
}

function verifyProcessors({ processors, region }: Layers, expect: Expect): void {
  const mem = region.i32;
  for (let id = 0; id < processors.length; id++) {
    const at = processors.gcOf(id);
    if (!processors.isRunning(id)) continue;
    if (!inTurn(mem[at + P.turn]!)) expect("a P in no turn has nothing shaded", `P ${id}`, 0, mem[at + P.greyLen]!);
    if (mem[at + P.work] === 0) expect("a P is a marker", `P ${id}`, "a record", 0);
  }
}

function verifyPointers({ region, spans, pages }: Layers, collector: Collector, expect: Expect): void {
  walkReachable({ region, spans, objects: collector.objects, finder: pages, roots: collector.roots.sources }, (addr, from, s, slot) => {
    const there = s !== 0 && spans.wasHandedOutConfirmed(s, slot);
    if (!there) expect("a pointer leads to an object", `the word at ${from}`, "an object", addr);
    return there;
  });
}
