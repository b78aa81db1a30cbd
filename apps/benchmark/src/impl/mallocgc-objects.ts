/**
 * Ours: typed objects in one shared memory, used through accessors on raw refs, as hot code would; collected by background threads.
 *
 * Each program is what the rules of turns ask of one: what must live longer than a turn hangs on a handle or a named root, and a long loop
 * takes a safepoint every few hundred operations, in binary-trees between two trees. An object has the bytes and the two pointers that the case
 * asks for; a pointer is 4 bytes.
 *
 * A program is opened when the background threads are at work, so that no sample is of a heap that still waits for them.
 */
import { array, fixed, ref, struct, u32, type Bound, type BoundArray, type BoundType, type Handle, type Heap, type RefType, type StructType } from "@mallocgc/runtime";
import type { ObjectJob } from "../job.ts";
import type { LatencyCase, MarkCase, SteadyCase, TreesCase } from "../object-cases.ts";
import { randomLinks } from "../random.ts";
import { fields } from "./mallocgc-access.ts";
import { attach, openHeap } from "./mallocgc-heap.ts";
import { map } from "./mallocgc-map.ts";
import type { GraphProgram, MutatorProgram, PopulationProgram, Programs, TreesProgram } from "./programs.ts";

/** 32 bytes, two pointers in front. */
const Node = struct("Node", {
  get left() {
    return ref(Node);
  },
  get right() {
    return ref(Node);
  },
  rest: fixed(u32, 6),
});

class Graph implements GraphProgram {
  private readonly heap: Heap;
  private readonly type: Bound<typeof Node>;
  private readonly root: Handle;
  private readonly shape: MarkCase["shape"];

  constructor(heap: Heap, { shape, live, seed }: ObjectJob<MarkCase>) {
    this.heap = heap;
    this.type = heap.type(Node);
    this.shape = shape;
    this.root = heap.turn(() => heap.root(shape === "tree" ? this.makeTree(live) : this.makeRandom(live, seed)));
  }

  private makeTree(n: number): number {
    if (n === 0) return 0;
    const { heap, type } = this;
    const t = heap.alloc(type);
    const left = (n - 1) >> 1;
    type.left.set(t, this.makeTree(left));
    type.right.set(t, this.makeTree(n - 1 - left));
    return t;
  }

  private makeRandom(n: number, seed: number): number {
    const { heap, type } = this;
    const { left, right } = randomLinks(n, seed);
    const nodes = new Uint32Array(n);
    for (let i = 0; i < n; i++) nodes[i] = heap.alloc(type);
    for (let i = 0; i < n; i++) {
      const t = nodes[i]!;
      type.left.set(t, nodes[left[i]!]!);
      type.right.set(t, nodes[right[i]!]!);
    }
    return nodes[0]!;
  }

  async collect(): Promise<{ markNs: number; cpuNs: number }> {
    const before = this.heap.gcStats().cyclesBegun;
    await this.heap.gc();
    const report = this.heap.gcCycles(before)[0];
    if (report === undefined) throw new Error("a forced collection left no report");
    return { markNs: report.markNs, cpuNs: report.backgroundNs + report.assistNs };
  }

  reachable(): number {
    return this.heap.turn(() => (this.shape === "tree" ? this.countTree(this.root.ref) : this.countCycle()));
  }

  private countTree(t: number): number {
    return t === 0 ? 0 : 1 + this.countTree(this.type.left.get(t)) + this.countTree(this.type.right.get(t));
  }

  private countCycle(): number {
    const { left } = this.type;
    const root = this.root.ref;
    let n = 1;
    for (let t: number = left.get(root); t !== root; t = left.get(t)) n++;
    return n;
  }

  close(): void {
    this.heap.close();
  }
}

async function graph(job: ObjectJob<MarkCase>): Promise<GraphProgram> {
  // Collected when asked to, and not while the graph is made.
  return new Graph(await openHeap(job, { gcPercent: -1 }), job);
}

/** What the first pointer of each member of a population leads to. */
const Anchor = struct("Anchor", { value: u32 });

type Scanned = StructType<string, { readonly first: RefType<typeof Anchor>; readonly second: RefType<typeof Anchor> }>;
type Unscanned = StructType<string, object>;

function scanned(size: number): Scanned {
  return struct(`Scanned${size}`, { first: ref(Anchor), second: ref(Anchor), rest: fixed(u32, size / 4 - 2) });
}

function unscanned(size: number): Unscanned {
  return struct(`Unscanned${size}`, { words: fixed(u32, size / 4) });
}

const OPS_PER_TURN = 256;

/** An array of objects, of which one that is drawn at random is replaced by a new one. */
abstract class Population implements PopulationProgram {
  protected readonly heap: Heap;
  protected readonly slots: BoundArray<RefType<StructType<string, object>>>;
  protected readonly live: number;
  protected state: number;
  private readonly kept: Handle;
  /** The array, in this turn. */
  protected at = 0;

  constructor(heap: Heap, member: Scanned | Unscanned, live: number, seed: number) {
    this.heap = heap;
    this.slots = heap.type(array(ref(member)));
    this.live = live;
    this.state = seed | 0 || 1;
    this.kept = heap.turn(() => heap.root(heap.alloc(this.slots, live)));
  }

  /** Puts a new object at each place. */
  fill(): this {
    for (let i = 0; i < this.live; i++) {
      if (i % OPS_PER_TURN === 0) this.beginTurn();
      this.slots.at.set(this.at, i, this.make());
    }
    return this;
  }

  /** All that is needed of the heap in this turn. */
  beginTurn(): void {
    this.heap.safepoint();
    this.at = this.kept.ref;
  }

  run(n: number): void {
    this.beginTurn();
    this.replace(n);
  }

  abstract replace(n: number): void;
  protected abstract make(): number;

  cycles(): number {
    return this.heap.gcStats().cyclesMarked;
  }

  close(): void {
    this.heap.close();
  }
}

class ScannedPopulation extends Population {
  private readonly type: Bound<Scanned>;
  private readonly anchor: Handle;
  private anchorAt = 0;

  constructor(heap: Heap, size: number, live: number, seed: number) {
    super(heap, scanned(size), live, seed);
    this.type = heap.type(scanned(size));
    const anchor = heap.type(Anchor);
    this.anchor = heap.turn(() => heap.root(heap.alloc(anchor)));
  }

  override beginTurn(): void {
    super.beginTurn();
    this.anchorAt = this.anchor.ref;
  }

  protected make(): number {
    const t = this.heap.alloc(this.type);
    this.type.first.set(t, this.anchorAt);
    return t;
  }

  replace(n: number): void {
    const { heap, type, slots, at, anchorAt } = this;
    const scale = this.live / 2 ** 32;
    let x = this.state;
    for (let i = 0; i < n; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      const t = heap.alloc(type);
      type.first.set(t, anchorAt);
      slots.at.set(at, ((x >>> 0) * scale) | 0, t);
    }
    this.state = x;
  }
}

class UnscannedPopulation extends Population {
  private readonly type: Bound<Unscanned>;

  constructor(heap: Heap, size: number, live: number, seed: number) {
    super(heap, unscanned(size), live, seed);
    this.type = heap.type(unscanned(size));
  }

  protected make(): number {
    return this.heap.alloc(this.type);
  }

  replace(n: number): void {
    const { heap, slots, at } = this;
    const type: BoundType<Unscanned> = this.type;
    const scale = this.live / 2 ** 32;
    let x = this.state;
    for (let i = 0; i < n; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      slots.at.set(at, ((x >>> 0) * scale) | 0, heap.alloc(type));
    }
    this.state = x;
  }
}

async function population(job: ObjectJob<SteadyCase>): Promise<PopulationProgram> {
  const { size, live, pointers, seed } = job;
  const heap = await openHeap(job);
  return (pointers ? new ScannedPopulation(heap, size, live, seed) : new UnscannedPopulation(heap, size, live, seed)).fill();
}

/** Asks for one collection after the other; none is waited for. */
class Mutator implements MutatorProgram {
  private readonly heap: Heap;
  private readonly population: Population;
  private done = 0;
  private asked: Promise<void>[] = [];

  constructor(heap: Heap, population: Population) {
    this.heap = heap;
    this.population = population;
  }

  replace(): void {
    if (this.done++ % OPS_PER_TURN === 0) this.population.beginTurn();
    this.population.replace(1);
  }

  cycles(): number {
    const { cyclesBegun, cyclesSwept } = this.heap.gcStats();
    if (cyclesBegun === cyclesSwept) this.asked.push(this.heap.gc());
    return cyclesSwept;
  }

  longestStall(): number {
    return this.heap.gcStats().maxStallMs * 1e6;
  }

  async close(): Promise<void> {
    await Promise.all(this.asked);
    this.heap.close();
  }
}

async function mutator(job: ObjectJob<LatencyCase>): Promise<MutatorProgram> {
  const heap = await openHeap(job);
  return new Mutator(heap, new ScannedPopulation(heap, job.size, job.live, job.seed).fill());
}

const Tree = struct("Tree", {
  get left() {
    return ref(Tree);
  },
  get right() {
    return ref(Tree);
  },
});

class Trees implements TreesProgram {
  private readonly heap: Heap;
  private readonly type: Bound<typeof Tree>;
  private readonly end: () => void;
  private kept: Handle | undefined;

  constructor(heap: Heap, end: () => void) {
    this.heap = heap;
    this.type = heap.type(Tree);
    this.end = end;
    this.kept = undefined;
  }

  make(depth: number, trees: number): number {
    const { heap } = this;
    return heap.turn(() => {
      let sum = 0;
      for (let i = 0; i < trees; i++) {
        sum += this.count(this.bottomUp(depth));
        heap.safepoint();
      }
      return sum;
    });
  }

  keep(depth: number): void {
    this.kept = this.heap.turn(() => this.heap.root(this.bottomUp(depth)));
  }

  countKept(): number {
    return this.heap.turn(() => this.count(this.kept!.ref));
  }

  cycles(): number {
    return this.heap.gcStats().cyclesMarked;
  }

  close(): void {
    this.end();
  }

  private bottomUp(depth: number): number {
    const { heap, type } = this;
    const t = heap.alloc(type);
    if (depth > 0) {
      type.left.set(t, this.bottomUp(depth - 1));
      type.right.set(t, this.bottomUp(depth - 1));
    }
    return t;
  }

  private count(t: number): number {
    const { left, right } = this.type;
    const l = left.get(t);
    return l === 0 ? 1 : 1 + this.count(l) + this.count(right.get(t));
  }
}

async function sharedTrees(job: ObjectJob<TreesCase>): Promise<{ readonly handle: unknown; close(): void }> {
  const heap = await openHeap(job);
  return { handle: heap.handle, close: () => { heap.close(); } };
}

async function trees(job: ObjectJob<TreesCase>, handle?: unknown): Promise<TreesProgram> {
  const shared = handle === undefined ? undefined : attach(handle);
  if (shared !== undefined) return new Trees(shared, () => { shared.detach(); });
  const own = await openHeap(job);
  return new Trees(own, () => { own.close(); });
}

export const programs: Programs = { graph, population, mutator, sharedTrees, trees, fields, map };
