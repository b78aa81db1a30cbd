/**
 * The heap that the scheduler's actors work on, and what must be true of it.
 *
 * Objects. Each has two refs, then a stamp: its number, and that number's complement. The heap fills what it frees with 0xdeadbeef, and what it hands out with
 * zeros; so an object that was freed, or freed and given away again, has no stamp, from the very moment on. Four kinds, so that spans are small and often spent, and all
 * ways to know an object's pointers come up:
 *
 *     128 B     64 in a span; heap bits               2048 B    4 in a span; type header
 *     1024 B     8 in a span; type header           40 000 B    large
 *
 * Whenever a span has been swept, all that is reachable is walked, plainly and without the collector's help: from the shared roots, the handles, and the locals of every
 * turn under way, those of suspended operations included. Each object on the way must have its stamp. That is the whole of safety, and it is checked
 * where it breaks, not when somebody happens to look.
 *
 * A world is made once; each run begins by putting the region's bytes back to what they were. So it costs next to nothing, and a run knows nothing of those before it.
 */
import { GcRecord, type RootSource, type SweepKernel, type WeakHandlePtr } from "@mallocgc/gc";
import { PAGE_SIZE, Region, addrOf, ptrOf, type Ptr } from "@mallocgc/sysmem";
import { Collector } from "../collector.ts";
import { joinHeap } from "../join.ts";
import { planHeap } from "../layers.ts";
import { resolveOptions, type HeapConfig } from "../options.ts";
import { Fault, Scheduler } from "./scheduler.ts";
import { SteppingMemory } from "./stepping-memory.ts";
import { TestP } from "./test-p.ts";

/** Bytes asked for, for each kind of object; large ones are rare. */
export const KINDS: readonly number[] = [128, 1016, 2040, 40_000];
/** Roots that all threads share. */
export const ROOTS = 3;
/** Objects in the chain that each of them leads to when a run begins. */
export const CHAIN = 10;
/** Where an object's number and its complement are, in words. */
const ID = 2;
const CHECK = 3;
/** Where their pointers are. */
export const POINTERS = 0b0011;
const MAX_BYTES: number = 8 << 20;
const PAGE_WORDS: number = PAGE_SIZE / 4;
const G = GcRecord.offset;

/** What keeps objects alive besides the shared roots: an actor's handles, and its locals while it is in a turn. */
export interface Holder {
  /** Addresses in variables of a turn under way, 0 for none. */
  readonly locals: readonly number[];
  /** Word indexes of the refs of its handles. */
  readonly handleWords: readonly number[];
}

/** A weak ref that all threads share, and whose object it was. */
export interface WeakRefTo {
  readonly handle: WeakHandlePtr;
  readonly id: number;
}

/** Words of parts of the runtime that are nobody else's business. */
interface Inside {
  readonly held: number;
}

/** One heap in which several Ps are threads by turns. */
export class World {
  readonly mem: Int32Array;
  readonly scheduler: Scheduler;
  readonly memory: SteppingMemory;
  readonly ps: readonly TestP[];
  /** Word index of the shared roots. */
  readonly roots: Ptr;
  /** Byte addresses of the types, by kind; 0 for the kind with heap bits. */
  readonly types: readonly number[];
  /** The collector's record. */
  readonly gc: Ptr;
  readonly weaks: (WeakRefTo | undefined)[] = [];
  /** What the actors hold; each adds itself. */
  readonly holders: Holder[] = [];
  /** Operations that programs have begun in this run. */
  programSteps = 0;
  /** Of the shared roots those that programs use in this run: the fewer, the more often they meet. */
  rootsUsed = ROOTS;
  private readonly config: HeapConfig;
  private readonly region: Region;
  private readonly image: Int32Array;
  private lastId = 0;
  private readonly firstId: number;

  /** A heap with so many Ps. */
  constructor(nps: number) {
    this.config = resolveOptions({ maxBytes: MAX_BYTES, chunkPages: 64, maxThreads: nps, gcWorkers: 0, heapMinimum: 256 << 10, clobberFree: true });
    this.region = new Region(new WebAssembly.Memory({ initial: MAX_BYTES >>> 16, maximum: MAX_BYTES >>> 16, shared: true }));
    this.mem = this.region.i32;
    this.scheduler = new Scheduler((actor) => (this.memory.actor = actor));
    this.memory = new SteppingMemory(this.mem, this.scheduler);
    this.memory.install();
    try {
      this.ps = Array.from({ length: nps }, (_, i) => this.attach(i === 0));
      const { layers, collector } = this.ps[0]!;
      this.gc = layers.plan.at("gc");
      // Ps drive the cycle only where an actor does so: no thread does it on the side, at its turns' ends.
      this.mem[this.gc + G.workers] = 1;
      this.roots = ptrOf(layers.pages.persistentAlloc(ROOTS * 4, 64));
      this.types = KINDS.map((size) => (size <= 128 ? 0 : this.declareType(size)));
      for (const word of [this.gc + G.phase, this.gc + G.flushSeq, this.gc + G.marking, this.gc + G.sweeping, layers.spans.heapSweepgen]) this.memory.watch(word);
      for (const p of this.ps) this.connect(p);
      this.grow(this.ps[0]!);
      this.firstId = this.lastId;
      collector.pacer.commit(collector.cycle.figures(), true);
    } finally {
      this.memory.uninstall();
    }
    this.image = this.mem.slice();
  }

  /** Everything as it was when the world was made. */
  reset(): void {
    const { frontier } = this.ps[0]!.layers.pages;
    const low = frontier.heapEnd * PAGE_WORDS;
    const high = frontier.persistentStart * PAGE_WORDS;
    this.mem.set(this.image.subarray(0, low));
    this.mem.set(this.image.subarray(high), high);
    for (const { layers } of this.ps) Object.assign(layers.sweeper!, { cursor: 0 });
    this.weaks.length = 0;
    this.lastId = this.firstId;
    this.programSteps = 0;
    this.memory.begin();
  }

  /** Whether that P holds a lock. */
  holdsLock(p: TestP): boolean {
    return (p.layers.mutexes as unknown as Inside).held !== 0;
  }

  /** A number for a new object. */
  nextId(): number {
    return ++this.lastId;
  }

  /** The number of the object at `addr`; 0 when there is none, or no more. */
  idOf(addr: number): number {
    const at = addr >>> 2;
    const id = this.mem[at + ID]!;
    return id > 0 && this.mem[at + CHECK] === ~id ? id : 0;
  }

  /** Writes the stamp of a new object. */
  stamp(addr: number, id: number): void {
    const at = addr >>> 2;
    this.mem[at + ID] = id;
    this.mem[at + CHECK] = ~id;
  }

  /** Numbers of all reachable objects. @throws Fault when one of them is gone. */
  reachable(): Set<number> {
    const { mem } = this;
    const found = new Set<number>();
    const todo: number[] = [];
    const follow = (addr: number, from: string): void => {
      if (addr === 0) return;
      const id = this.idOf(addr);
      if (id === 0) throw new Fault(`the object at ${addr}, to which ${from} leads, is gone`);
      if (found.has(id)) return;
      found.add(id);
      todo.push(addr);
    };
    for (let i = 0; i < ROOTS; i++) follow(mem[this.roots + i]! >>> 0, `root ${i}`);
    this.holders.forEach(({ locals, handleWords }, i) => {
      for (const addr of locals) follow(addr, `a local of actor ${i}`);
      for (const word of handleWords) follow(mem[word]! >>> 0, `a handle of actor ${i}`);
    });
    for (let addr = todo.pop(); addr !== undefined; addr = todo.pop()) {
      const from = `object ${this.idOf(addr)}`;
      follow(mem[addr >>> 2]! >>> 0, from);
      follow(mem[(addr >>> 2) + 1]! >>> 0, from);
    }
    return found;
  }

  /** What every run begins with: a chain of objects of all small kinds from each root. */
  private grow({ allocator, collector, layers, mem }: TestP): void {
    collector.mutator.enter();
    for (let i = 0; i < ROOTS * CHAIN; i++) {
      const kind = i % (KINDS.length - 1);
      const root = this.roots + Math.floor(i / CHAIN);
      const addr = allocator.mallocTyped(KINDS[kind]!, POINTERS, this.types[kind]!);
      this.stamp(addr, this.nextId());
      mem[addr >>> 2] = mem[root]!;
      mem[root] = addr;
    }
    collector.mutator.leave();
    layers.cache.releaseAll();
    // The first handle of a P makes a block of slots, which is many words and not what runs are about.
    for (const p of this.ps) {
      const { slots } = p.collector.roots.handles;
      const slot = slots.alloc(0);
      slots.free(slot, slots.wordOf(slot));
    }
  }

  private attach(first: boolean): TestP {
    const region = Object.assign(Object.create(Region.prototype) as Region, this.region, { i32: this.memory.view() });
    const joined = joinHeap(region, this.config, planHeap(this.config), first ? (layers) => {
      layers.pages.init();
      layers.central.init();
      Collector.init(layers, this.config.gc);
    } : undefined);
    return new TestP(joined.layers, joined.processorId);
  }

  /** A type of `size` bytes with two refs at its beginning. */
  private declareType(size: number): number {
    const words = [size, 0, 2, size, POINTERS];
    const at = ptrOf(this.ps[0]!.layers.pages.persistentAlloc(words.length * 4, 64));
    this.mem.set(words, at);
    return addrOf(at);
  }

  /** A P takes part: its roots are the shared ones too, and what it sweeps is checked. */
  private connect({ collector, layers }: TestP): void {
    const shared: RootSource = { ranges: () => [[this.roots, ROOTS]] };
    (collector.roots.sources as RootSource[]).push(shared);
    const marker = (collector as unknown as { marker: { kernel: Record<string, (...args: number[]) => number> } }).marker;
    marker.kernel = Object.fromEntries(Object.entries(marker.kernel).map(([name, call]) => [name, (...args: number[]): number => {
      this.memory.step();
      return call(...args);
    }]));
    const sweeper = layers.sweeper as unknown as { kernel: SweepKernel };
    const { kernel } = sweeper;
    sweeper.kernel = {
      sweep: (s) => {
        this.memory.step();
        const died = kernel.sweep(s);
        if (died > 0) this.reachable();
        return died;
      },
    };
  }
}
