import { MCache } from "@mallocgc/mcache";
import { Heap as PageHeap, PageCacheRec, SpanCacheRec } from "@mallocgc/mheap";
import { MSpan, Spans, type SpanPtr } from "@mallocgc/mspan";
import { CLASS_TO_SIZE } from "@mallocgc/sizeclass";
import { Mutexes, createRegion, planRegion, type Ptr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import {
  KIND_CANCELLED, KIND_CLEANUP, KIND_FINALIZER, KIND_PROFILE, KIND_WEAK_HANDLE, SPECIAL_TAKEN, Special, Specials, WeakHandle, verifySpecials,
  type Barrier, type SlotMarks, type SpecialPtr,
} from "./index.ts";

const MIB = 1 << 20;
const THREADS = 3;
/** Span class of 64-byte objects with pointers. */
const CLASS_64 = CLASS_TO_SIZE.indexOf(64) * 2;
/** A bucket, as far as specials know of one. */
const BUCKET = 1000 as Ptr;
const { next: NEXT, kind: KIND, offset: OFFSET, ref: REF, prevFinalizer: PREV_FINALIZER, span: SPAN, handle: HANDLE } = Special.offset;

/** A region with a page heap and specials; `owned` says which threads are there, by id and generation. */
function testHeap(maxBytes = 4 * MIB) {
  const config = { maxBytes, chunkPages: 64 } as const;
  const region = createRegion(maxBytes, true);
  const plan = planRegion(
    [
      ...Spans.tables(), ...PageHeap.tables(config), ...Specials.tables(THREADS),
      { name: "caches", bytes: (PageCacheRec.words + SpanCacheRec.words + MCache.words) * 4, align: 64, doc: "what one P holds" },
    ],
    64,
  );
  const mem = region.i32;
  const mutexes = new Mutexes(region, 1);
  const spans = new Spans(region, plan.at("mspan"));
  const caches = plan.at("caches");
  const pages = new PageHeap(region, plan, mutexes, spans, caches, (caches + PageCacheRec.words) as never, config);
  pages.init();
  const owned = new Set(["0.1", "1.1"]);
  const log: string[] = [];
  const phase = { now: 0 };
  const counted: string[] = [];
  const barrier: Barrier = {
    storeRef: (addr, value) => {
      log.push(`store ${value}`);
      Atomics.store(mem, addr >>> 2, value);
    },
    shade: (addr) => log.push(`shade ${addr}`),
    phase: () => phase.now,
  };
  const specials = new Specials(region, plan.at("specials"), plan.at("specials.queues"), THREADS, mutexes, spans, pages, { isOwner: (id, generation) => owned.has(`${id}.${generation}`) }, barrier, {
    countAlloc: (_, bytes) => void counted.push(`alloc ${bytes}`),
    countFree: (_, bytes) => void counted.push(`free ${bytes}`),
  });
  return { mem, pages, spans, specials, owned, log, phase, counted };
}
type TestHeap = ReturnType<typeof testHeap>;

/** A span of 64-byte objects, and the address of each of its slots. */
function span64(t: TestHeap): { s: SpanPtr; at: (slot: number) => number } {
  const s = t.pages.alloc(1, CLASS_64);
  return { s, at: (slot) => t.spans.slotAddr(s, slot) };
}

/** Marks for a sweep in which only these slots are alive; those revived are added. */
function alive(...slots: number[]): SlotMarks & { readonly slots: Set<number> } {
  const set = new Set(slots);
  return { slots: set, isMarked: (slot) => set.has(slot), setMarked: (slot) => set.add(slot) };
}

/** The span's list, as [slot, kind]. */
function listOf(t: TestHeap, s: SpanPtr): [number, number][] {
  const found: [number, number][] = [];
  for (let p = t.mem[s + MSpan.offset.specials]!; p !== 0; p = t.mem[p + NEXT]!) found.push([t.mem[p + OFFSET]! / 64, t.mem[p + KIND]!]);
  return found;
}

/** Takes everything out of a queue: [kind, id, ref] of each. */
function drain(t: TestHeap, processorId = 0): [number, number, number][] {
  const found: [number, number, number][] = [];
  for (let p = t.specials.queues.peek(processorId); p !== 0; p = t.specials.queues.peek(processorId)) {
    found.push([t.specials.kindOf(p), t.specials.idOf(p), t.specials.refOf(p)]);
    t.specials.queues.pop(processorId, true);
    t.specials.free(p);
  }
  return found;
}

describe("a span's list of specials", () => {
  test("is sorted by object and then by kind, whatever the order of insertion", () => {
    const t = testHeap();
    const { s, at } = span64(t);
    t.specials.addCleanup(at(5), 0, 1, 1);
    t.specials.setFinalizer(at(5), 0, 1, 2);
    t.specials.addCleanup(at(1), 0, 1, 3);
    t.specials.weakHandle(at(5));
    t.specials.setFinalizer(at(9), 0, 1, 4);
    t.specials.weakHandle(at(0));
    t.specials.addCleanup(at(5), 0, 1, 5);
    expect(listOf(t, s)).toEqual([
      [0, KIND_WEAK_HANDLE], [1, KIND_CLEANUP], [5, KIND_FINALIZER], [5, KIND_WEAK_HANDLE], [5, KIND_CLEANUP], [5, KIND_CLEANUP], [9, KIND_FINALIZER],
    ]);
    expect(verifySpecials(t.mem, t.specials, [s])).toEqual([]);
  });

  test("has at most one finalizer of an object; taking it away makes room for another and tells its owner", () => {
    const t = testHeap();
    const { s, at } = span64(t);
    t.specials.setFinalizer(at(2), 1, 1, 7);
    expect(t.specials.setFinalizer(at(2), 0, 1, 8)).toBe(SPECIAL_TAKEN);
    expect(t.specials.count).toBe(1);
    expect(t.specials.removeFinalizer(at(3))).toBe(false);
    expect(t.specials.removeFinalizer(at(2))).toBe(true);
    expect(t.specials.removeFinalizer(at(2))).toBe(false);
    expect(listOf(t, s)).toEqual([]);
    expect(t.specials.setFinalizer(at(2), 0, 1, 8)).toBeGreaterThan(0);
    expect(drain(t, 1)).toEqual([[KIND_CANCELLED, 7, 0]]);
    expect(t.specials.counts().finalizersQueued).toBe(0);
    expect(verifySpecials(t.mem, t.specials, [s])).toEqual([]);
  });

  test("loses a finalizer whose owner has left to the next that is set", () => {
    const t = testHeap();
    const { s, at } = span64(t);
    t.specials.setFinalizer(at(2), 1, 1, 7);
    t.owned.delete("1.1");
    expect(t.specials.setFinalizer(at(2), 0, 1, 8)).toBeGreaterThan(0);
    expect([listOf(t, s), t.specials.count]).toEqual([[[2, KIND_FINALIZER]], 1]);
    expect(t.specials.removeFinalizer(at(2))).toBe(true);
    expect(verifySpecials(t.mem, t.specials, [s])).toEqual([]);
  });

  test("a cleanup is taken away by owner and id alone, and only from the object that it was added to", () => {
    const t = testHeap();
    const { s, at } = span64(t);
    for (const id of [1, 2, 3]) t.specials.addCleanup(at(4), 0, 1, id);
    expect(t.specials.removeCleanup(at(4), 1, 1, 2)).toBe(false);
    expect(t.specials.removeCleanup(at(4), 0, 2, 2)).toBe(false);
    expect(t.specials.removeCleanup(at(5), 0, 1, 2)).toBe(false);
    expect(t.specials.removeCleanup(at(4), 0, 1, 2)).toBe(true);
    expect(t.specials.removeCleanup(at(4), 0, 1, 2)).toBe(false);
    t.specials.sweep(s, alive());
    expect(drain(t).map(([, id]) => id).sort()).toEqual([1, 3]);
    expect(t.specials.count).toBe(0);
  });

  test("when the region is full nothing is added, and the region stays whole", () => {
    const t = testHeap(MIB);
    const { s, at } = span64(t);
    // Takes what is left for permanent memory, down to the last word.
    for (let bytes = 65536; bytes >= 4; ) if (t.pages.persistentAlloc(bytes, 4) === 0) bytes >>>= 1;
    expect([t.specials.setFinalizer(at(0), 0, 1, 1), t.specials.addCleanup(at(0), 0, 1, 1), t.specials.weakHandle(at(0))]).toEqual([0, 0, 0]);
    expect([listOf(t, s), t.specials.count, t.specials.handles.count]).toEqual([[], 0, 0]);
  });
});

describe("the sweep of specials", () => {
  test("leaves those of marked objects alone, and does nothing where there are none", () => {
    const t = testHeap();
    const { s, at } = span64(t);
    expect(t.specials.sweep(s, alive())).toBe(false);
    t.specials.setFinalizer(at(2), 0, 1, 1);
    t.specials.addCleanup(at(6), 0, 1, 2);
    expect(t.specials.sweep(s, alive(2, 6))).toBe(true);
    expect(listOf(t, s)).toEqual([[2, KIND_FINALIZER], [6, KIND_CLEANUP]]);
    expect(t.specials.queues.isEmpty(0)).toBe(true);
  });

  test("an unmarked object with a finalizer is revived: marked, finalizer queued, weak handle cleared, cleanups kept; without it dies the next time", () => {
    const t = testHeap();
    const { s, at } = span64(t);
    const handle = t.specials.weakHandle(at(3));
    t.specials.addCleanup(at(3), 0, 1, 2);
    t.specials.setFinalizer(at(3), 0, 1, 1);
    const marks = alive();
    expect(t.specials.sweep(s, marks)).toBe(true);
    expect([...marks.slots]).toEqual([3]);
    expect(t.specials.handles.value(handle)).toBe(0);
    expect(listOf(t, s)).toEqual([[3, KIND_CLEANUP]]);
    expect(drain(t)).toEqual([[KIND_FINALIZER, 1, at(3)]]);
    const again = alive();
    expect(t.specials.sweep(s, again)).toBe(false);
    expect([...again.slots]).toEqual([]);
    expect(drain(t)).toEqual([[KIND_CLEANUP, 2, 0]]);
    expect(t.specials.counts()).toEqual({ finalizersQueued: 1, finalizersExecuted: 1, cleanupsQueued: 1, cleanupsExecuted: 1 });
    expect(t.specials.count).toBe(0);
  });

  test("an unmarked object without a finalizer has its cleanups queued in each owner's queue and its weak handle cleared", () => {
    const t = testHeap();
    const { s, at } = span64(t);
    const handle = t.specials.weakHandle(at(3));
    t.specials.addCleanup(at(3), 0, 1, 1);
    t.specials.addCleanup(at(3), 1, 1, 2);
    t.specials.addCleanup(at(4), 0, 1, 3);
    const marks = alive(4);
    expect(t.specials.sweep(s, marks)).toBe(true);
    expect([...marks.slots]).toEqual([4]);
    expect([drain(t, 0), drain(t, 1)]).toEqual([[[KIND_CLEANUP, 1, 0]], [[KIND_CLEANUP, 2, 0]]]);
    expect(t.specials.handles.value(handle)).toBe(0);
    expect(listOf(t, s)).toEqual([[4, KIND_CLEANUP]]);
  });

  test("the specials of owners that have left are freed, and do not revive", () => {
    const t = testHeap();
    const { s, at } = span64(t);
    t.specials.setFinalizer(at(3), 1, 1, 1);
    t.specials.addCleanup(at(3), 0, 7, 2);
    const marks = alive();
    expect(t.specials.sweep(s, (t.owned.delete("1.1"), marks))).toBe(false);
    expect([...marks.slots]).toEqual([]);
    expect([t.specials.queues.isEmpty(0), t.specials.queues.isEmpty(1), t.specials.count]).toEqual([true, true, 0]);
    const seen: number[] = [];
    t.specials.forEachFinalizer((addr) => seen.push(addr));
    expect(seen).toEqual([]);
  });

  test("of a large object, the slot is the whole span, wherever the special points", () => {
    const t = testHeap();
    const s = t.pages.alloc(20, 1);
    const handle = t.specials.weakHandle(t.spans.base(s) + 100_000);
    t.specials.addCleanup(t.spans.base(s), 0, 1, 1);
    expect(t.specials.sweep(s, alive(0))).toBe(true);
    expect(t.specials.sweep(s, alive())).toBe(false);
    expect(drain(t)).toEqual([[KIND_CLEANUP, 1, 0]]);
    expect(t.specials.handles.value(handle)).toBe(0);
  });
});

describe("finalizers and marking", () => {
  test("every object with a finalizer that is not due is visited, in whatever span it is", () => {
    const t = testHeap();
    const a = span64(t);
    const b = span64(t);
    const set = [a.at(1), b.at(2), a.at(3), b.at(4)];
    set.forEach((addr, i) => t.specials.setFinalizer(addr, 0, 1, i));
    t.specials.removeFinalizer(a.at(3));
    t.specials.sweep(b.s, alive(4));
    const seen: number[] = [];
    t.specials.forEachFinalizer((addr) => seen.push(addr));
    expect(seen.sort()).toEqual([a.at(1), b.at(4)].sort());
    expect(verifySpecials(t.mem, t.specials, [a.s, b.s])).toEqual([]);
  });

  test("one that is set while the barrier is on has its object shaded, since the visit may be over", () => {
    const t = testHeap();
    const { at } = span64(t);
    t.specials.setFinalizer(at(1), 0, 1, 1);
    expect(t.log).toEqual([]);
    t.phase.now = 3;
    t.specials.setFinalizer(at(2), 0, 1, 2);
    t.specials.setFinalizer(at(2), 0, 1, 3);
    t.specials.addCleanup(at(3), 0, 1, 4);
    expect(t.log).toEqual([`shade ${at(2)}`]);
  });
});

describe("queues", () => {
  test("a queued finalizer keeps its object as a root until it is taken out, through the barrier; cleanups keep nothing", () => {
    const t = testHeap();
    const { s, at } = span64(t);
    t.specials.setFinalizer(at(1), 0, 1, 1);
    t.specials.setFinalizer(at(2), 1, 1, 2);
    t.specials.addCleanup(at(3), 0, 1, 3);
    expect(t.specials.queues.ranges()).toEqual([]);
    t.specials.sweep(s, alive());
    const roots = t.specials.queues.ranges().flatMap(([word, n]) => [...t.mem.subarray(word, word + n)]);
    expect(roots.sort()).toEqual([at(1), at(2)].sort());
    drain(t, 0);
    expect(t.log).toEqual(["store 0"]);
    expect(t.specials.queues.ranges().map(([word]) => t.mem[word])).toEqual([at(2)]);
  });

  test("are first in, first out, and may be appended to while the owner takes out", () => {
    const t = testHeap();
    const { s, at } = span64(t);
    for (let i = 0; i < 6; i++) t.specials.addCleanup(at(i), 0, 1, i);
    t.specials.sweep(s, alive(3, 4, 5));
    const first = t.specials.queues.peek(0);
    expect(t.specials.idOf(t.specials.queues.last(0))).toBe(2);
    t.specials.sweep(s, alive());
    expect(t.specials.queues.peek(0)).toBe(first);
    expect(drain(t).map(([, id]) => id)).toEqual([0, 1, 2, 3, 4, 5]);
    expect([t.specials.queues.peek(0), t.specials.queues.last(0)]).toEqual([0, 0]);
  });
});

describe("weak handles", () => {
  test("are one per place of an object, with a number that no other has, and freed with the last ref", () => {
    const t = testHeap();
    const { s, at } = span64(t);
    const { handles } = t.specials;
    const a = t.specials.weakHandle(at(1));
    expect(t.specials.weakHandle(at(1))).toBe(a);
    const inner = t.specials.weakHandle(at(1) + 8);
    const b = t.specials.weakHandle(at(2));
    expect(new Set([a, inner, b].map((h) => handles.id(h))).size).toBe(3);
    expect([a, inner, b].map((h) => handles.value(h))).toEqual([at(1), at(1) + 8, at(2)]);
    expect([handles.refs(a), handles.refs(inner), handles.count]).toEqual([3, 2, 3]);
    t.specials.sweep(s, alive(2));
    expect([a, inner, b].map((h) => handles.value(h))).toEqual([0, 0, at(2)]);
    const id = handles.id(a);
    for (const h of [a, inner]) handles.release(h);
    expect([handles.count, handles.id(a)]).toEqual([2, id]);
    handles.release(a);
    handles.release(b);
    expect(handles.count).toBe(1);
    expect(handles.id(t.specials.weakHandle(at(5)))).not.toBe(id);
  });
});

describe("a sample of the heap profile", () => {
  test("counts its object when it is made and once when the object dies, by sweep or by hand", () => {
    const t = testHeap();
    const { s, at } = span64(t);
    for (const slot of [3, 1, 2]) expect(t.specials.addProfile(s, at(slot), BUCKET)).toBe(true);
    t.specials.weakHandle(at(2));
    t.specials.addCleanup(at(2), 0, 1, 1);
    expect(listOf(t, s)).toEqual([[1, KIND_PROFILE], [2, KIND_WEAK_HANDLE], [2, KIND_PROFILE], [2, KIND_CLEANUP], [3, KIND_PROFILE]]);
    expect(t.counted).toEqual(["alloc 64", "alloc 64", "alloc 64"]);
    expect(verifySpecials(t.mem, t.specials, [s])).toEqual([]);
    t.counted.length = 0;
    t.specials.sweep(s, alive(2));
    expect(t.counted, "of slots 1 and 3").toEqual(["free 64", "free 64"]);
    t.specials.takeProfile(s, 2);
    t.specials.takeProfile(s, 2);
    t.specials.takeProfile(s, 1);
    expect(t.counted, "of two threads that free one object, one finds the sample").toEqual(["free 64", "free 64", "free 64"]);
    expect(listOf(t, s)).toEqual([[2, KIND_WEAK_HANDLE], [2, KIND_CLEANUP]]);
  });

  test("stays when its object is revived for a finalizer", () => {
    const t = testHeap();
    const { s, at } = span64(t);
    t.specials.addProfile(s, at(5), BUCKET);
    t.specials.setFinalizer(at(5), 0, 1, 1);
    expect(t.specials.sweep(s, alive())).toBe(true);
    expect(listOf(t, s)).toEqual([[5, KIND_PROFILE]]);
    expect(t.counted).toEqual(["alloc 64"]);
    expect(t.specials.sweep(s, alive())).toBe(false);
    expect(t.counted).toEqual(["alloc 64", "free 64"]);
  });

  test("is none when the region is full: nothing is counted", () => {
    const t = testHeap(1 << 20);
    const { s, at } = span64(t);
    while (t.pages.alloc(1, CLASS_64) !== 0);
    let made = 0;
    while (t.specials.addProfile(s, at(made % 100), BUCKET)) made++;
    expect(t.counted).toHaveLength(made);
  });
});

describe("verifySpecials", () => {
  const breaks: [string, RegExp, (t: TestHeap, first: SpecialPtr, s: SpanPtr) => void][] = [
    ["next into nowhere", /leads astray/, (t, p) => (t.mem[p + NEXT] = t.mem.length + 5)],
    ["a list that does not end", /leads astray/, (t, p) => (t.mem[t.mem[p + NEXT]! + NEXT] = p)],
    ["the span", /of span \d+ says that it is of span 7/, (t, p) => (t.mem[p + SPAN] = 7)],
    ["the kind", /of kind 5, which there is not/, (t, p) => (t.mem[p + KIND] = 5)],
    ["the offset, beyond the slots", /beyond the slots/, (t, p) => (t.mem[p + OFFSET] = 8192)],
    ["the order of offsets", /not in order/, (t, p) => (t.mem[p + OFFSET] = 64 * 20)],
    ["the order of kinds", /not in order/, (t, p) => (t.mem[p + KIND] = KIND_CLEANUP)],
    ["a second of a kind", /two specials of kind 3/, (t, p) => (t.mem[p + KIND] = KIND_WEAK_HANDLE)],
    ["a ref that is not due", /not due, but keeps 64/, (t, p) => (t.mem[p + REF] = 64)],
    ["a weak handle's value", /holds 9, not its object/, (t, p) => (t.mem[t.mem[t.mem[p + NEXT]! + HANDLE]! + WeakHandle.offset.value] = 9)],
    ["a sample without a bucket", /of kind 4 has the bucket 0/, (t, p) => (t.mem[t.mem[p + NEXT]! + KIND] = KIND_PROFILE)],
    ["a sample that is no slot's start", /which is no slot's start/, (t, p) => {
      t.mem[t.mem[p + NEXT]! + KIND] = KIND_PROFILE;
      t.mem[t.mem[p + NEXT]! + OFFSET]! += 8;
    }],
    ["a back link of the finalizers", /the one before it is/, (t, p) => (t.mem[p + PREV_FINALIZER] = 3)],
    ["a finalizer out of the span's list", /which is none of a span/, (t, p, s) => (t.mem[s + MSpan.offset.specials] = t.mem[p + NEXT]!)],
  ];
  for (const [what, message, corrupt] of breaks) {
    test(`reports when this is broken: ${what}`, () => {
      const t = testHeap();
      const { s, at } = span64(t);
      const first = t.specials.setFinalizer(at(1), 0, 1, 1);
      t.specials.weakHandle(at(1));
      t.specials.setFinalizer(at(4), 0, 1, 2);
      expect(verifySpecials(t.mem, t.specials, [s])).toEqual([]);
      corrupt(t, first, s);
      expect(verifySpecials(t.mem, t.specials, [s]).join("\n")).toMatch(message);
    });
  }
});
