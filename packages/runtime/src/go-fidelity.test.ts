/**
 * Our heap against the real Go: what `tooling/go-oracle` recorded is allocated again here, and must come out equal.
 *
 * Equal means equal, not nearly so. Where we differ on purpose, the difference is a line in `DEPARTURES` with the figure that
 * holds here, so that it can neither grow nor vanish unnoticed; docs/fidelity.md gives the reasons.
 */
import { HASH_START, hashInto, loadSequences, loadSizeClasses, sizesOf, type SequenceRecording } from "@mallocgc/go-oracle";
import { CLASS_TO_PAGES, CLASS_TO_SIZE, MALLOC_HEADER_SIZE, MIN_SIZE_FOR_MALLOC_HEADER, roundupsize } from "@mallocgc/sizeclass";
import { describe, expect, test } from "vitest";
import { createHeap, type Heap } from "./heap.ts";

const PAGE = 8192;
const HEAP_BYTES = 512 << 20;
/** The largest request that a size class serves. */
const MAX_SMALL = 32760;

const recordedClasses = loadSizeClasses();
const { edges, sequences } = loadSequences();

/** Span classes with another number of slots than Go's: size and whether it holds pointers, then ours. */
const DEPARTURES: ReadonlyMap<string, number> = new Map([["8 scan", 960]]);

function expectedNelems(size: number, scan: boolean, go: number): number {
  return DEPARTURES.get(`${size} ${scan ? "scan" : "noscan"}`) ?? go;
}

/** The request that fills a slot of `size` bytes. */
function requestFor(size: number, scan: boolean): number {
  if (scan && size > MIN_SIZE_FOR_MALLOC_HEADER) return size - MALLOC_HEADER_SIZE;
  return Math.min(size, MAX_SMALL);
}

function withHeap(use: (heap: Heap) => void): void {
  const heap = createHeap({ gc: false, maxBytes: HEAP_BYTES, shared: false });
  try {
    use(heap);
    expect(heap.verify().broken).toEqual([]);
  } finally {
    heap.close();
  }
}

describe("size classes", () => {
  test("sizes and pages per span are those that Go shows", () => {
    const { classes } = recordedClasses;
    expect(Array.from(CLASS_TO_SIZE).slice(1)).toEqual(classes.map((row) => row.size));
    expect(Array.from(CLASS_TO_PAGES).slice(1)).toEqual(classes.map((row) => row.npages));
  });

  test("MemStats.BySize has Go's 61 sizes", () => {
    withHeap((heap) => {
      expect(heap.readMemStats().BySize.map((entry) => entry.Size)).toEqual(recordedClasses.bySize);
    });
  });

  test.each([
    ["without", true, recordedClasses.roundupNoscan, 1],
    ["with", false, recordedClasses.roundupScan, 4],
  ] as const)("the usable size of a request %s pointers changes where Go's does", (_, noscan, recorded, step) => {
    const steps: [number, number][] = [];
    for (let n = step, last = 0; n <= 40960; n += step) {
      const usable = roundupsize(n, noscan);
      if (usable !== last) steps.push([n, usable]);
      last = usable;
    }
    expect(steps).toEqual(recorded);
  });

  test.each([
    ["without", true, recordedClasses.roundupNoscan],
    ["with", false, recordedClasses.roundupScan],
  ] as const)("a block %s pointers has the usable size that Go's has", (_, noscan, recorded) => {
    withHeap((heap) => {
      for (const [smallest, usable] of recorded) {
        // Tiny blocks have the extent of their object, not of the slot that they share.
        if (noscan && usable < 16) continue;
        const from = noscan ? Math.max(smallest, 16) : smallest;
        for (const n of [from, (from + usable) >>> 1, usable]) {
          // Go rounds requests in steps of a pointer; those between belong to the next.
          const size = noscan ? n : n & ~3;
          expect([size, heap.usableSize(heap.mallocgc(size, { noscan }))]).toEqual([size, usable]);
        }
      }
    });
  });
});

describe("spans: pages, slots and alignment are Go's", () => {
  const rows = recordedClasses.classes.flatMap(({ size, npages, nelemsNoscan, nelemsScan, align }) => [
    { size, pointers: "without", scan: false, npages, nelems: nelemsNoscan, align },
    { size, pointers: "with", scan: true, npages, nelems: nelemsScan, align },
  ]);
  // Go never uses the pointer-free class of 8-byte slots (such objects are tiny), nor do we.
  const used = rows.filter((row) => row.nelems !== 0);

  test("every span class but one is in use", () => {
    expect(used.length).toBe(2 * 67 - 1);
  });

  test.each(used)("$size bytes $pointers pointers", ({ size, scan, npages, nelems: goNelems, align }) => {
    const nelems = expectedNelems(size, scan, goNelems);
    withHeap((heap) => {
      const request = requestFor(size, scan);
      const options = { noscan: !scan };
      const first = heap.mallocgc(request, options);
      expect(heap.spanOf(first)).toMatchObject({ npages, nelems, elemSize: size, noscan: !scan });
      const one = heap.readMemStats().HeapInuse;
      expect(one).toBe(npages * PAGE);
      // Three full spans and not a page more; the next object opens the fourth. As recorded, seen from outside only.
      const header = scan && size > MIN_SIZE_FOR_MALLOC_HEADER ? MALLOC_HEADER_SIZE : 0;
      for (let i = 1; i < 3 * nelems; i++) {
        const addr = heap.mallocgc(request, options);
        if ((addr - header) % align !== 0) expect.fail(`address ${addr} is no multiple of ${align}`);
      }
      expect(heap.readMemStats().HeapInuse).toBe(3 * one);
      heap.mallocgc(request, options);
      expect(heap.readMemStats().HeapInuse).toBe(4 * one);
    });
  });
});

/** What a sequence did here, in the form in which it was recorded. */
function replay(heap: Heap, sequence: SequenceRecording): Omit<SequenceRecording, "rule" | "firstSizes" | "sizesHash"> {
  const before = heap.readMemStats();
  const options = { noscan: !sequence.scan };
  const addrs: number[] = [];
  for (const size of sizesOf(sequence, edges)) addrs.push(heap.mallocgc(size, options));
  const after = heap.readMemStats();
  const zero = heap.mallocgc(0);

  const slots = new Set<number>();
  const spans = new Set<number>();
  const byClass = recordedClasses.classes.map(() => 0);
  const spansByClass = recordedClasses.classes.map(() => 0);
  const slotHashes = recordedClasses.classes.map(() => HASH_START);
  let largeAllocs = 0;
  let smallObjects = 0;
  let firstOffsets = "";
  addrs.forEach((addr, i) => {
    if (i < 512) firstOffsets += addr === zero ? "-" : (addr & 15).toString(16);
    if (addr === zero) return;
    const { base, elemSize, sizeClass } = heap.spanOf(addr);
    if (sizeClass === 0) {
      expect(addr % PAGE).toBe(0);
      largeAllocs++;
      return;
    }
    smallObjects++;
    const c = sizeClass - 1;
    const slot = addr - ((addr - base) % elemSize);
    if (!slots.has(slot)) byClass[c]!++;
    slots.add(slot);
    if (!spans.has(base)) spansByClass[c]!++;
    spans.add(base);
    slotHashes[c] = hashInto(slotHashes[c]!, addr % PAGE);
  });
  const bySize = after.BySize.map((entry, i) => entry.Mallocs - before.BySize[i]!.Mallocs);
  const { shape, scan, seed, count } = sequence;
  return {
    shape, scan, seed, count,
    mallocs: after.Mallocs - before.Mallocs,
    frees: after.Frees - before.Frees,
    tinyAllocs: smallObjects - slots.size,
    largeAllocs,
    heapObjects: after.HeapObjects - before.HeapObjects,
    totalAlloc: after.TotalAlloc - before.TotalAlloc,
    heapAlloc: after.HeapAlloc - before.HeapAlloc,
    heapInuse: after.HeapInuse - before.HeapInuse,
    bySize, byClass, spans: spansByClass, slotHashes, firstOffsets,
  };
}

/** What Go did, corrected for spans whose number of slots is not Go's: their slots, spans and share of HeapInuse. */
function expected(sequence: SequenceRecording, here: ReturnType<typeof replay>): ReturnType<typeof replay> {
  const { rule, firstSizes, sizesHash, ...go } = sequence;
  const spans = [...go.spans];
  const slotHashes = [...go.slotHashes];
  let { heapInuse } = go;
  recordedClasses.classes.forEach(({ size, npages, nelemsNoscan, nelemsScan }, c) => {
    const goNelems = sequence.scan ? nelemsScan : nelemsNoscan;
    const nelems = expectedNelems(size, sequence.scan, goNelems);
    if (nelems === goNelems) return;
    spans[c] = Math.ceil(go.byClass[c]! / nelems);
    heapInuse += (spans[c] - go.spans[c]!) * npages * PAGE;
    slotHashes[c] = here.slotHashes[c]!;
  });
  return { ...go, spans, slotHashes, heapInuse };
}

describe("a sequence of allocations does to our heap what it did to Go's", () => {
  test.each(sequences)("$shape, $count objects, seed $seed", (sequence) => {
    withHeap((heap) => {
      const here = replay(heap, sequence);
      expect(here).toEqual(expected(sequence, here));
    });
  });
});
