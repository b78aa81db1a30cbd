/**
 * A heap just big enough to be marked and swept: spans and a page map over a region of their own, objects written by hand, a graph whose
 * reachable part is known because it is kept in JavaScript too.
 */
import { PageMap } from "@mallocgc/mheap";
import { MSpan, Marks, Spans, type SpanPtr } from "@mallocgc/mspan";
import { CLASS_TO_PAGES, CLASS_TO_SIZE, makeSpanClass, sizeToClass } from "@mallocgc/sizeclass";
import { PAGE_SHIFT, PAGE_SIZE, createRegion, openRegion, planRegion, type Addr, type PageIndex, type Ptr, type Region, type RegionMemory } from "@mallocgc/sysmem";
import { randomFrom } from "@mallocgc/testing";
import { Marker } from "../marker.ts";
import { WORK_BUF_BYTES, WorkLists, WorkRecord } from "../work-record.ts";

const MARKERS = 2;
/** A word before the first table: pages taken from the region's end for buffers, by any thread. */
const PAGES_TAKEN = 60;
const TYPE_BYTES = 1 << 20;
const { largeType: LARGE_TYPE } = MSpan.offset;

/** An object of the test heap, and what it points at. */
export interface TestObject {
  /** Where its slot starts: what is marked. */
  readonly slot: Addr;
  /** Where its first field is: after the header, if it has one. */
  readonly addr: Addr;
  readonly nbytes: number;
  /** Addresses of the words that may hold pointers. */
  readonly refs: readonly Addr[];
  readonly to: TestObject[];
}

/** A type as the collector reads it. `words` tells which words of the struct, or of an element, are pointers. */
export interface TestType {
  readonly at: Addr;
  readonly array: boolean;
  readonly elemSize: number;
  readonly words: readonly boolean[];
}

/** See above. The layout depends on the region's size alone, so another thread can open the same. */
export class MarkerHeap {
  readonly region: Region;
  readonly spans: Spans;
  readonly marks: Marks;
  readonly pageMap: PageMap;
  readonly lists: Ptr;
  readonly all: SpanPtr[] = [];
  /** Buffers that a marker gets before there are no more. */
  buffers = Infinity;
  /** The record of marker 0; the next one's follows. */
  readonly work: Ptr;
  private readonly records: Ptr;
  private typesAt: number;
  private page: number;
  private readonly npages: number;
  private readonly current = new Map<number, SpanPtr>();

  constructor(region: Region) {
    const pages = region.byteLength >>> PAGE_SHIFT;
    const plan = planRegion([
      ...Spans.tables(),
      { name: "records", bytes: pages * MSpan.words * 4, align: 128, doc: "a record for each page" },
      { name: "map", bytes: pages * 4, align: 64, doc: "the page map" },
      { name: "lists", bytes: WorkLists.words * 4, align: 64, doc: "work lists" },
      { name: "work", bytes: MARKERS * WorkRecord.words * 4, align: 64, doc: "markers" },
      { name: "types", bytes: TYPE_BYTES, align: 64, doc: "types" },
    ], 64);
    this.region = region;
    this.spans = new Spans(region, plan.at("mspan"));
    this.marks = new Marks(region, this.spans);
    this.pageMap = new PageMap(region.i32, plan.at("map"), pages);
    this.lists = plan.at("lists");
    this.work = plan.at("work");
    this.records = plan.at("records");
    this.typesAt = plan.at("types") * 4;
    this.page = Math.ceil((this.typesAt + TYPE_BYTES) / PAGE_SIZE);
    this.npages = pages;
  }

  static create(bytes = 16 << 20, shared = true): MarkerHeap {
    return new MarkerHeap(createRegion(bytes, shared));
  }

  static open(memory: RegionMemory): MarkerHeap {
    return new MarkerHeap(openRegion(memory));
  }

  /** A marker over record `id`. Its buffers come from the region's end. */
  marker(id = 0): Marker {
    return new Marker(this.region, this.lists, (this.work + id * WorkRecord.words) as Ptr, this.pageMap, (nbytes) => this.takeBuffers(nbytes));
  }

  /** Memory for work buffers, for any thread's marker. */
  takeBuffers(nbytes: number): Addr {
    if (this.buffers < nbytes / WORK_BUF_BYTES) return 0 as Addr;
    this.buffers -= nbytes / WORK_BUF_BYTES;
    const npages = Math.ceil(nbytes / PAGE_SIZE);
    const page = this.npages - Atomics.add(this.region.i32, PAGES_TAKEN, npages) - npages;
    if (page < this.page) throw new Error("the test heap is full");
    return (page * PAGE_SIZE) as Addr;
  }

  span(spanClass: number, npages = CLASS_TO_PAGES[spanClass >> 1]!): SpanPtr {
    const s = (this.records + this.all.length * MSpan.words) as SpanPtr;
    if (this.page + npages > this.npages - this.region.i32[PAGES_TAKEN]!) throw new Error("the test heap is full");
    this.spans.init(s, (this.page * PAGE_SIZE) as Addr, npages, spanClass, 0);
    this.pageMap.set(this.page as PageIndex, npages, s);
    this.page += npages;
    this.all.push(s);
    return s;
  }

  type(array: boolean, words: readonly boolean[], elemSize = 0): TestType {
    const mem = this.region.i32;
    const at = this.typesAt >>> 2;
    const ptrWords = words.lastIndexOf(true) + 1;
    mem[at + 1] = array ? 1 : 0;
    mem[at + 2] = ptrWords;
    mem[at + 3] = elemSize;
    words.forEach((isPointer, i) => { if (isPointer) mem[at + 4 + (i >>> 5)]! |= 1 << (i & 31); });
    const type = { at: this.typesAt as Addr, array, elemSize, words };
    this.typesAt += 16 + Math.ceil(ptrWords / 32) * 4 + 64;
    return type;
  }

  /** An object without a type: at most 128 bytes, word i a pointer if `words[i]`; or of any size without pointers. */
  small(nbytes: number, words: readonly boolean[]): TestObject {
    const { spans } = this;
    const mem = this.region.i32;
    const noscan = !words.includes(true);
    const spanClass = makeSpanClass(sizeToClass(nbytes), noscan);
    const slot = this.take(spanClass);
    const refs: Addr[] = [];
    if (!noscan) {
      const s = this.current.get(spanClass)!;
      const first = (slot - spans.base(s)) >>> 2;
      words.forEach((isPointer, i) => {
        if (!isPointer) return;
        mem[spans.heapBits(s) + ((first + i) >>> 5)]! |= 1 << ((first + i) & 31);
        refs.push((slot + i * 4) as Addr);
      });
    }
    return { slot, addr: slot, nbytes, refs, to: [] };
  }

  /** An object above 128 bytes whose map is a type; above 32760 a large one. `length` is of an array. */
  typed(nbytes: number, type: TestType, length = 0): TestObject {
    const mem = this.region.i32;
    const large = nbytes + 8 > 32768;
    let slot: Addr;
    if (large) {
      const s = this.span(0, Math.ceil(nbytes / PAGE_SIZE));
      slot = this.spans.nextFree(s);
      mem[s + LARGE_TYPE] = type.at;
    } else {
      slot = this.take(makeSpanClass(sizeToClass(nbytes + 8), false));
      mem[slot >>> 2] = type.at;
    }
    const addr = (large ? slot : slot + 8) as Addr;
    const refs: Addr[] = [];
    const field = (base: number): void => { type.words.forEach((isPointer, i) => { if (isPointer) refs.push((base + i * 4) as Addr); }); };
    if (type.array) {
      mem[addr >>> 2] = length;
      for (let i = 0; i < length; i++) field(addr + 8 + i * type.elemSize);
    } else {
      field(addr);
    }
    return { slot, addr, nbytes, refs, to: [] };
  }

  /** Points word `i` of the object's pointers at some byte of `to`. */
  link(from: TestObject, i: number, to: TestObject, offset: number): void {
    this.region.i32[from.refs[i]! >>> 2] = (to.slot + offset) | 0;
    from.to.push(to);
  }

  /** Whether the object is marked. */
  isMarked(object: TestObject): boolean {
    const s = this.pageMap.spanOf(object.slot);
    return this.marks.isMarked(s, this.spans.slotOf(s, object.slot));
  }

  /** Slots that are marked, of all spans. */
  marked(): Set<number> {
    const slots = new Set<number>();
    for (const s of this.all) {
      for (let i = 0; i < this.spans.nelems(s); i++) if (this.marks.isMarked(s, i)) slots.add(this.spans.slotAddr(s, i));
    }
    return slots;
  }

  private take(spanClass: number): Addr {
    let s = this.current.get(spanClass);
    let slot = s === undefined ? (0 as Addr) : this.spans.nextFree(s);
    if (slot === 0) {
      s = this.span(spanClass);
      this.current.set(spanClass, s);
      slot = this.spans.nextFree(s);
    }
    return slot;
  }
}

/** The slots that a walk in JavaScript reaches: the naive marker. */
export function reachable(roots: readonly TestObject[]): Set<number> {
  const seen = new Set<number>();
  const grey = [...roots];
  for (let object = grey.pop(); object !== undefined; object = grey.pop()) {
    if (seen.has(object.slot)) continue;
    seen.add(object.slot);
    for (const to of object.to) grey.push(to);
  }
  return seen;
}

/** A graph of `n` objects of all kinds, each pointer nil, or at any byte of a random other. */
export function randomGraph(heap: MarkerHeap, n: number, seed: number): TestObject[] {
  const random = randomFrom(seed);
  const bools = (length: number, oneIn: number): boolean[] => Array.from({ length }, () => random(oneIn) === 0);
  const types = Array.from({ length: 8 }, () => heap.type(false, bools(1 + random(200), 3)));
  const arrays = [heap.type(true, [true], 4), ...Array.from({ length: 6 }, () => {
    const words = bools(2 + random(40), 3);
    return heap.type(true, words, (words.length + random(3)) * 4);
  })];
  const make = (): TestObject => {
    const kind = random(20);
    if (kind < 13) {
      const nbytes = CLASS_TO_SIZE[1 + random(sizeToClass(128))]!;
      return heap.small(nbytes, bools(nbytes >>> 2, 1 + random(4)));
    }
    if (kind < 15) return heap.small(1 + random(2000), []);
    const type = random(2) === 0 ? types[random(types.length)]! : arrays[random(arrays.length)]!;
    if (!type.array) return heap.typed(Math.max(type.words.length * 4, 136), type);
    const length = random(random(40) === 0 ? 4000 : 100);
    return heap.typed(Math.max(8 + length * type.elemSize, 136), type, length);
  };
  const objects = Array.from({ length: n }, make);
  for (const from of objects) {
    for (let i = 0; i < from.refs.length; i++) {
      if (random(from.refs.length > 20 ? 16 : 2) !== 0) continue;
      const to = objects[random(n)]!;
      heap.link(from, i, to, random(to.addr - to.slot + to.nbytes));
    }
  }
  return objects;
}
