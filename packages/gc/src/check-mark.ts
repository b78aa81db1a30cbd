/**
 * A second mark, for tests and for finding faults (Go's gccheckmark): when marking is over and nothing is swept yet, walks from the
 * roots once more, plainly, and reports every reachable object that the sweep would free.
 *
 * Go stops the world for this. Here the program goes on meanwhile, which only makes the test harder: whatever a thread stores now, an object
 * that is reachable must be marked or new. The walk keeps what it has seen in JavaScript's memory.
 */
import { MSpan, type Marks, type SpanPtr, type Spans } from "@mallocgc/mspan";
import type { Region } from "@mallocgc/sysmem";
import type { SpanFinder } from "./mutator.ts";
import type { ObjectMap } from "./object-map.ts";
import type { RootSource } from "./root-source.ts";

const { nelems: NELEMS } = MSpan.offset;

/** A reachable object that is neither marked nor new, or a pointer to nothing. */
export interface LostObject {
  /** What the pointer says. */
  readonly addr: number;
  /** Where the pointer is: byte address of the word. */
  readonly from: number;
  readonly why: "not marked" | "no object";
}

/** The parts of a heap that the second mark looks at. */
export interface CheckMarkParts {
  readonly region: Region;
  readonly spans: Spans;
  readonly marks: Marks;
  readonly objects: ObjectMap;
  readonly finder: SpanFinder;
  readonly roots: readonly RootSource[];
}

/** Walks everything reachable from the roots. Returns what is lost, at most `limit` of it; `isAlive` says what counts as kept. */
export function findLost(parts: CheckMarkParts, limit = 10): LostObject[] {
  const { region, marks, spans } = parts;
  const lost: LostObject[] = [];
  walkReachable(parts, (addr, from, s, slot) => {
    if (s === 0) lost.push({ addr, from, why: "no object" });
    else if (!marks.isAlive(s, slot)) lost.push({ addr, from, why: "not marked" });
    return lost.length < limit && s !== 0 && slot < region.i32[s + NELEMS]! && spans.wasHandedOutConfirmed(s, slot);
  });
  return lost;
}

/**
 * Visits every object reachable from the roots once, in no particular order, with the pointer that led there first; a pointer into no span in
 * use with span 0. The visitor says whether to go on behind the object.
 */
export function walkReachable(
  { region, spans, objects, finder, roots }: Pick<CheckMarkParts, "region" | "spans" | "objects" | "finder" | "roots">,
  visit: (addr: number, from: number, s: SpanPtr, slot: number) => boolean,
): void {
  const mem = region.i32;
  const seen = new Set<number>();
  const todo: number[] = [];
  const follow = (word: number): void => {
    const addr = Atomics.load(mem, word >>> 2) >>> 0;
    if (addr === 0) return;
    const s = finder.spanOf(addr);
    const slot = s === 0 ? 0 : spans.slotOf(s, addr);
    const object = s === 0 ? addr : spans.slotAddr(s, slot);
    if (seen.has(object)) return;
    seen.add(object);
    if (visit(addr, word, s, slot)) todo.push(object);
  };
  for (const source of roots) for (const [from, length] of source.ranges()) for (let i = 0; i < length; i++) follow((from + i) * 4);
  for (let object = todo.pop(); object !== undefined; object = todo.pop()) {
    const s = finder.spanOf(object);
    if (s !== 0) objects.forEachPointer(s, spans.slotOf(s, object), follow);
  }
}
