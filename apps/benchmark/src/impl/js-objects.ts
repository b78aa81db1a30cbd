/**
 * Plain JavaScript objects and the engine's own collector: generational, moving, partly concurrent.
 *
 * An object of V8 has 24 bytes before its first field on 64 bits, and 8 for each field. What cannot have the size that a case asks for has
 * the fields that it asks for: a node of gc-mark and of binary-trees is two references (40 bytes).
 *
 * A collection is forced with `gc()`, which marks, sweeps and compacts before it returns; all of it is in the figure. The engine marks with
 * as many threads as the case says: with one, it is told to use no other (run.ts).
 */
import { constants, PerformanceObserver } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import type { ObjectJob } from "../job.ts";
import type { Kernel } from "../kernels.ts";
import type { LatencyCase, MarkCase, SteadyCase } from "../object-cases.ts";
import { randomLinks } from "../random.ts";
import { fields, map } from "./js-access.ts";
import type { GraphProgram, MutatorProgram, PopulationProgram, Programs, TreesProgram } from "./programs.ts";

class Node {
  left: Node | null = null;
  right: Node | null = null;
}

function makeTree(n: number): Node | null {
  if (n === 0) return null;
  const t = new Node();
  const left = (n - 1) >> 1;
  t.left = makeTree(left);
  t.right = makeTree(n - 1 - left);
  return t;
}

function countTree(t: Node | null): number {
  return t === null ? 0 : 1 + countTree(t.left) + countTree(t.right);
}

function makeRandom(n: number, seed: number): Node {
  const { left, right } = randomLinks(n, seed);
  const nodes: Node[] = [];
  for (let i = 0; i < n; i++) nodes.push(new Node());
  for (let i = 0; i < n; i++) {
    const t = nodes[i]!;
    t.left = nodes[left[i]!]!;
    t.right = nodes[right[i]!]!;
  }
  return nodes[0]!;
}

function graph({ shape, live, seed }: ObjectJob<MarkCase>): Promise<GraphProgram> {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error("a collection can be forced only with --expose-gc");
  const root = shape === "tree" ? makeTree(live) : makeRandom(live, seed);
  return Promise.resolve({
    collect: () => {
      const start = performance.now();
      collect();
      return Promise.resolve({ markNs: (performance.now() - start) * 1e6 });
    },
    reachable: () => (shape === "tree" ? countTree(root) : countCycle(root!)),
    close: () => undefined,
  });
}

function countCycle(root: Node): number {
  let n = 1;
  for (let t = root.left!; t !== root; t = t.left!) n++;
  return n;
}

/** 40 bytes: the least that has two fields. */
class Pair {
  first: object | null;
  second: object | null = null;

  constructor(first: object | null) {
    this.first = first;
  }
}

/** 64 bytes. */
class Wide {
  first: object | null;
  second: object | null = null;
  a = 0;
  b = 0;
  c = 0;

  constructor(first: object | null) {
    this.first = first;
  }
}

/** The loop of a population, once for each class, as a shared one would see two. */
class Pairs implements Kernel {
  private readonly slots: Pair[] = [];
  private readonly anchor = new Pair(null);
  private state: number;

  constructor(live: number, seed: number) {
    this.state = seed | 0 || 1;
    for (let i = 0; i < live; i++) this.slots.push(new Pair(this.anchor));
  }

  run(n: number): void {
    const { slots, anchor } = this;
    const scale = slots.length / 2 ** 32;
    let x = this.state;
    for (let i = 0; i < n; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      slots[((x >>> 0) * scale) | 0] = new Pair(anchor);
    }
    this.state = x;
  }
}

class Wides implements Kernel {
  private readonly slots: Wide[] = [];
  private readonly anchor = new Wide(null);
  private state: number;

  constructor(live: number, seed: number) {
    this.state = seed | 0 || 1;
    for (let i = 0; i < live; i++) this.slots.push(new Wide(this.anchor));
  }

  run(n: number): void {
    const { slots, anchor } = this;
    const scale = slots.length / 2 ** 32;
    let x = this.state;
    for (let i = 0; i < n; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      slots[((x >>> 0) * scale) | 0] = new Wide(anchor);
    }
    this.state = x;
  }
}

/** Collections of the whole heap, as the engine announces them when the event loop runs. */
class MajorCollections {
  count = 0;
  private readonly observer: PerformanceObserver;

  constructor() {
    this.observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if ((entry as PerformanceEntry & { readonly detail?: { readonly kind?: number } }).detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR) this.count++;
      }
    });
    this.observer.observe({ entryTypes: ["gc"] });
  }

  close(): void {
    this.observer.disconnect();
  }
}

function population({ size, live, seed }: ObjectJob<SteadyCase>): Promise<PopulationProgram> {
  const kernel = size <= 16 ? new Pairs(live, seed) : new Wides(live, seed);
  return Promise.resolve({ run: (n) => kernel.run(n), close: () => undefined });
}

function mutator({ live, seed }: ObjectJob<LatencyCase>): Promise<MutatorProgram> {
  const kernel = new Wides(live, seed);
  const majors = new MajorCollections();
  return Promise.resolve({
    replace: () => kernel.run(1),
    cycles: () => majors.count,
    breathe: () => setImmediate(),
    close: () => {
      majors.close();
      return Promise.resolve();
    },
  });
}

class Tree {
  left: Tree | null;
  right: Tree | null;

  constructor(left: Tree | null, right: Tree | null) {
    this.left = left;
    this.right = right;
  }
}

function bottomUp(depth: number): Tree {
  return depth === 0 ? new Tree(null, null) : new Tree(bottomUp(depth - 1), bottomUp(depth - 1));
}

function count(t: Tree): number {
  return t.left === null ? 1 : 1 + count(t.left) + count(t.right!);
}

class Trees implements TreesProgram {
  private kept: Tree | undefined;

  make(depth: number, trees: number): number {
    let sum = 0;
    for (let i = 0; i < trees; i++) sum += count(bottomUp(depth));
    return sum;
  }

  keep(depth: number): void {
    this.kept = bottomUp(depth);
  }

  countKept(): number {
    return count(this.kept!);
  }

  close(): void {
    this.kept = undefined;
  }
}

export const programs: Programs = { graph, population, mutator, trees: () => Promise.resolve(new Trees()), fields, map };
