/**
 * A heap for tests of roots: real spans over a real region, with a collector that is as plain as can be.
 *
 * Objects come from spans by the classes of their sizes; every word of an object with pointers may be one. `collect` marks from the roots that are given
 * to it and from what `Roots` offers, then sweeps: specials by the real code, objects by filling them and handing them out again. Nothing runs
 * beside it: in a test with several threads it is called while the others rest.
 */
import { Specials, type Barrier, type RootSource, type SlotMarks } from "@mallocgc/gc";
import { Heap as PageHeap, PageCacheRec, SpanCacheRec } from "@mallocgc/mheap";
import { MSpan, Spans, type SpanPtr } from "@mallocgc/mspan";
import { CLASS_TO_PAGES, CLASS_TO_SIZE } from "@mallocgc/sizeclass";
import {
  Mutexes, PAGE_SIZE, createRegion, openRegion, planRegion, type Addr, type Ptr, type Region, type RegionMemory, type RegionPlan,
} from "@mallocgc/sysmem";
import { HeapError } from "../../errors.ts";
import type { LeakReport, RootHost, RootLayers } from "../root-host.ts";
import { Roots } from "../roots.ts";

const { freeIndex: FREE_INDEX, npages: NPAGES, spanClass: SPAN_CLASS, nelems: NELEMS } = MSpan.offset;
const CHUNK_PAGES = 64;

/** What a thread needs to attach to a test heap. */
export interface TestHandle {
  readonly memory: RegionMemory;
  readonly maxThreads: number;
}

/** An object that stands for a view. */
export class TestView {
  readonly ref: number;
  constructor(ref: number) {
    this.ref = ref;
  }
}

function planOf(maxBytes: number, maxThreads: number): RegionPlan {
  return planRegion(
    [
      ...Spans.tables(),
      ...PageHeap.tables({ maxBytes, chunkPages: CHUNK_PAGES }),
      ...Specials.tables(maxThreads),
      ...Roots.tables(maxThreads),
      { name: "caches", bytes: maxThreads * (PageCacheRec.words + SpanCacheRec.words) * 4, align: 64, doc: "pages and span records of each P" },
      { name: "attached", bytes: maxThreads * 4, align: 4, doc: "the generation of each P that is attached; negative when it has left" },
    ],
    64,
  );
}

/** One thread's test heap. */
export class TestHeap implements RootHost, Barrier {
  readonly layers: RootLayers;
  readonly specials: Specials;
  readonly barrier: Barrier = this;
  readonly state: Ptr;
  readonly processorRoots: Ptr;
  readonly processorId: number;
  readonly generation: number;
  readonly handle: TestHandle;
  readonly mem: Int32Array;
  readonly roots: Roots;
  checks = false;
  /** The phase that the barrier sees. */
  phaseNow = 0;
  /** What the barrier was asked to shade; with the barrier on, also old and new values of stores. */
  readonly shaded: number[] = [];
  readonly leaks: LeakReport[] = [];
  readonly errors: [unknown, "finalizer" | "cleanup"][] = [];
  /** Objects that the collector has found dead, but whose spans are not swept. */
  readonly dying = new Set<number>();
  turns = 0;
  /** Calls of `blocking` under way. */
  blocked = 0;
  left = false;
  private readonly spans: Spans;
  private readonly attached: Ptr;
  private readonly specialsState: Ptr;
  private readonly current = new Map<number, SpanPtr>();
  private readonly dead = new Set<number>();
  private readonly free = new Map<number, number[]>();

  constructor(region: Region, maxThreads: number, processorId: number) {
    const plan = planOf(region.byteLength, maxThreads);
    const mem = region.i32;
    const mutexes = new Mutexes(region, processorId + 1);
    const cache = (plan.at("caches") + processorId * (PageCacheRec.words + SpanCacheRec.words)) as Ptr;
    const config = { maxBytes: region.byteLength, chunkPages: CHUNK_PAGES } as const;
    this.spans = new Spans(region, plan.at("mspan"));
    const pages = new PageHeap(region, plan, mutexes, this.spans, cache, (cache + PageCacheRec.words) as Ptr, config);
    if (processorId === 0 && mem[plan.at("roots")] === 0 && pages.frontier.heapEnd === 0) {
      pages.init();
      Roots.init(mem, plan.at("roots"));
    }
    this.mem = mem;
    this.layers = { region, mutexes, pages, config };
    this.attached = plan.at("attached");
    this.processorId = processorId;
    this.generation = Math.abs(mem[this.attached + processorId]!) + 1;
    Atomics.store(mem, this.attached + processorId, this.generation);
    this.state = plan.at("roots");
    this.processorRoots = plan.at("roots.processors");
    this.handle = { memory: region.memory, maxThreads };
    const isOwner = (id: number, generation: number): boolean => Atomics.load(mem, this.attached + id) === generation;
    this.specialsState = plan.at("specials");
    this.specials = new Specials(region, plan.at("specials"), plan.at("specials.queues"), maxThreads, mutexes, this.spans, pages, { isOwner }, this);
    this.roots = new Roots(this);
    this.roots.attach();
  }

  static create(maxBytes = 4 << 20, maxThreads = 3, shared = true): TestHeap {
    return new TestHeap(createRegion(maxBytes, shared), maxThreads, 0);
  }

  static attach(handle: TestHandle, processorId: number): TestHeap {
    return new TestHeap(openRegion(handle.memory), handle.maxThreads, processorId);
  }

  /** A new object with pointers, `nbytes` long, whose first words are `refs`. */
  object(refs: readonly number[] = [], nbytes = 64): number {
    const addr = this.allocate(nbytes, 0);
    refs.forEach((ref, i) => (this.mem[(addr >>> 2) + i] = ref));
    return addr;
  }

  /** Whether any thread holds the lock of roots, of specials or of the page heap. */
  get isLocked(): boolean {
    return [this.state, this.specialsState, this.layers.pages.lockWord].some((lock) => this.mem[lock] !== 0);
  }

  leave(): void {
    this.roots.leave();
    this.left = true;
    Atomics.store(this.mem, this.attached + this.processorId, -this.generation);
  }

  /** Takes all permanent memory that is left. */
  exhaust(): void {
    for (let bytes = 65536; bytes >= 4; ) if (this.layers.pages.persistentAlloc(bytes, 4) === 0) bytes >>>= 1;
  }

  /** Collects what is reached neither from `locals` nor from roots. Returns how many objects died. */
  collect(locals: readonly number[] = []): number {
    const marked = new Set<number>();
    const work: number[] = [];
    const mark = (ref: number): void => {
      const addr = this.baseOf(ref);
      if (addr === 0 || marked.has(addr)) return;
      marked.add(addr);
      work.push(addr);
    };
    const drain = (): void => {
      for (let addr = work.pop(); addr !== undefined; addr = work.pop()) this.forEachRef(addr, mark);
    };
    locals.forEach(mark);
    for (const source of this.roots.sources) for (const word of wordsOf(source)) mark(this.mem[word]! >>> 0);
    this.specials.forEachFinalizer((addr) => this.forEachRef(this.baseOf(addr), mark));
    drain();
    return this.sweep(marked);
  }

  private sweep(marked: Set<number>): number {
    let died = 0;
    for (const s of this.allSpans()) {
      const marks: SlotMarks = {
        isMarked: (slot) => marked.has(this.spans.slotAddr(s, slot)),
        setMarked: (slot) => marked.add(this.spans.slotAddr(s, slot)),
      };
      this.specials.sweep(s, marks);
      for (let slot = 0; slot < this.mem[s + FREE_INDEX]!; slot++) {
        const addr = this.spans.slotAddr(s, slot);
        if (marked.has(addr) || this.dead.has(addr)) continue;
        died++;
        this.dead.add(addr);
        this.mem.fill(0xdeadbeef | 0, addr >>> 2, (addr + this.spans.elemSize(s)) >>> 2);
        const list = this.free.get(this.mem[s + SPAN_CLASS]!);
        if (list === undefined) this.free.set(this.mem[s + SPAN_CLASS]!, [addr]);
        else list.push(addr);
      }
    }
    return died;
  }

  /** Every span in use. */
  *allSpans(): Generator<SpanPtr> {
    const { pages } = this.layers;
    for (let page: number = pages.firstPage; page < pages.frontier.heapEnd; ) {
      const s = pages.spanOf(page * PAGE_SIZE);
      if (s !== 0) yield s;
      page += s === 0 ? 1 : this.mem[s + NPAGES]!;
    }
  }

  private baseOf(ref: number): number {
    const s = ref === 0 ? 0 : this.layers.pages.spanOf(ref);
    if (s === 0) return 0;
    const slot = this.spans.slotOf(s, ref);
    const addr = this.spans.slotAddr(s, slot);
    return slot < this.mem[s + FREE_INDEX]! && !this.dead.has(addr) ? addr : 0;
  }

  private forEachRef(addr: number, visit: (ref: number) => void): void {
    const s = this.layers.pages.spanOf(addr);
    if ((this.mem[s + SPAN_CLASS]! & 1) === 1) return;
    for (let word = addr >>> 2; word < (addr + this.spans.elemSize(s)) >>> 2; word++) visit(this.mem[word]! >>> 0);
  }

  private allocate(nbytes: number, noscan: 0 | 1): number {
    const spanClass = CLASS_TO_SIZE.findIndex((size) => size >= nbytes) * 2 + noscan;
    const again = this.free.get(spanClass)?.pop();
    if (again !== undefined) {
      this.dead.delete(again);
      this.mem.fill(0, again >>> 2, (again + CLASS_TO_SIZE[spanClass >> 1]!) >>> 2);
      return again;
    }
    let s = this.current.get(spanClass);
    if (s === undefined || this.mem[s + FREE_INDEX] === this.mem[s + NELEMS]) {
      s = this.layers.pages.alloc(CLASS_TO_PAGES[spanClass >> 1]!, spanClass);
      if (s === 0) throw new Error("this test allocates more than its heap holds");
      this.current.set(spanClass, s);
    }
    return this.spans.nextFree(s);
  }

  storeRef(addr: number, value: number): void {
    if ((this.phaseNow & 1) === 1) this.shaded.push(Atomics.load(this.mem, addr >>> 2) >>> 0, value);
    Atomics.store(this.mem, addr >>> 2, value);
  }
  shade(addr: number): void {
    this.shaded.push(addr);
  }
  phase(): number {
    return this.phaseNow;
  }
  enterTurn(): void {
    if (this.left) throw new HeapError("ERR_HEAP_DETACHED", "this thread has left the heap");
    this.turns++;
  }
  blocking<T>(fn: () => T): T {
    this.blocked++;
    try {
      return fn();
    } finally {
      this.blocked--;
    }
  }
  checkObject(addr: number): void {
    if (this.baseOf(addr) !== addr) throw new HeapError("ERR_NOT_ALLOCATED", `there is no live block at address ${addr}`);
  }
  refOfView(value: object): number {
    return value instanceof TestView ? value.ref : -1;
  }
  allocBytes(nbytes: number): Addr {
    return this.allocate(nbytes, 1) as Addr;
  }
  makeStrongFromWeak(word: number): number {
    const addr = this.mem[word]! >>> 0;
    return this.dying.has(addr) ? 0 : addr;
  }
  onLeak(report: LeakReport): void {
    this.leaks.push(report);
  }
  onError(error: unknown, what: "finalizer" | "cleanup"): void {
    this.errors.push([error, what]);
  }
}

/** The words of a source, one by one. */
function wordsOf(source: RootSource): number[] {
  const words: number[] = [];
  for (const [first, n] of source.ranges()) for (let i = 0; i < n; i++) words.push(first + i);
  return words;
}

/** What a source keeps, in ascending order. */
export function keptBy(heap: TestHeap, source: RootSource): number[] {
  return wordsOf(source).map((word) => heap.mem[word]! >>> 0).filter((ref) => ref !== 0).sort((a, b) => a - b);
}
