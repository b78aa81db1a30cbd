/**
 * The graph that all threads change at once. What is alive in it nobody knows; but whatever a load, a root, a weak ref or a message leads to must be
 * an object, whole, and of the id that it had when it was met before.
 *
 *     refs      are loaded with `load` and changed with `compareExchange`, so that a new object is seen initialised
 *     texts     and a count in two words are guarded by the object's own mutex
 *     weak refs to one object are equal, and nil for ever once they were
 *     unique    values: whoever asks for an equal one gets the same object, as long as a root keeps it
 */
import type { Heap, Unique, Weak } from "@mallocgc/runtime";
import type { Control } from "../control.ts";
import { SoakFailure } from "../failure.ts";
import type { Rng } from "../rng.ts";
import { RICH, kindOf } from "./identity.ts";
import { type Post, type Held } from "./post.ts";
import type { Shapes } from "./shapes.ts";

const ROOTS = 24;
const HAND = 6;
const MOST_HELD = 20;
const MOST_WATCHED = 40;
const MOST_UNIQUES = 30;
const UNIQUE_VALUES = 60;
const UNIQUE_ROOTS = 8;

/** An object in this turn. */
interface Found {
  readonly at: number;
  readonly id: number;
}
interface Watch {
  readonly weak: Weak;
  readonly id: number;
  dead: boolean;
}

/** One thread's hand in the graph. */
export class SharedGraph {
  private readonly heap: Heap;
  private readonly shapes: Shapes;
  private readonly control: Control;
  private readonly thread: number;
  private readonly rng: Rng;
  private readonly post: Post;
  private readonly newId: () => number;
  private readonly hand: Found[] = [];
  private readonly held: Held[] = [];
  private readonly watches: Watch[] = [];
  private readonly uniques: Unique[] = [];
  /** Those in JavaScript's memory: the ones above, and dropped ones that the engine has not collected. */
  private knownUniques = 0;
  private readonly seenUniques = new WeakSet<Unique>();
  private readonly registry = new FinalizationRegistry(() => { this.knownUniques--; });

  constructor(shapes: Shapes, control: Control, thread: number, rng: Rng, post: Post, newId: () => number) {
    this.heap = shapes.heap;
    this.shapes = shapes;
    this.control = control;
    this.thread = thread;
    this.rng = rng;
    this.post = post;
    this.newId = newId;
  }

  /** One step, in a turn. @throws HeapExhaustedError; SoakFailure. */
  step(): void {
    const { rng } = this;
    const kind = rng.below(1000);
    if (kind < 250) this.make();
    else if (kind < 500) this.load();
    else if (kind < 720) this.exchange();
    else if (kind < 790) this.setRoot();
    else if (kind < 860) this.lock();
    else if (kind < 920) this.stepWeak();
    else if (kind < 970) this.stepPost();
    else if (kind < 995) this.stepUnique();
    else this.heap.roots.delete(rootName(rng.below(ROOTS)));
  }

  /** The turn has ended: raw refs are void. */
  dropHand(): void {
    this.hand.length = 0;
  }

  /** Lets many roots go: there is no room. In a turn. */
  shrink(): void {
    for (let i = this.rng.below(2); i < ROOTS; i += 2) this.heap.roots.delete(rootName(i));
    for (const { handle } of this.held.splice(0)) handle.dispose();
  }

  /** Takes what others have sent. In a turn. @throws HeapExhaustedError. */
  receiveAll(): void {
    while (!this.post.empty) this.receive();
  }

  /** Unique values that this thread has dropped, and that the heap may keep still. */
  get droppedUniques(): number {
    return this.knownUniques - new Set(this.uniques).size;
  }

  /** Calls `visit` with each object that this thread's handles and unique values keep. At rest, in a turn. */
  forEachKept(visit: (addr: number) => void): void {
    const roots = this.held.map(({ handle, id }) => this.expect(handle.ref, id, "a handle"));
    this.closure(roots, visit);
    for (const unique of this.uniques) visit(unique.ref);
  }

  /** The same for the roots of all threads together. */
  forEachShared(visit: (addr: number) => void): void {
    const { heap } = this;
    const refs = Array.from({ length: ROOTS }, (_, i) => (heap.roots.has(rootName(i)) ? heap.roots.get(rootName(i)) : 0));
    this.closure(refs.filter((at) => at !== 0).map((at) => this.meet(at, "a shared root")), visit);
    for (let i = 0; i < UNIQUE_ROOTS; i++) {
      const at = heap.roots.has(uniqueRoot(i)) ? heap.roots.get(uniqueRoot(i)) : 0;
      if (at !== 0) visit(at);
    }
  }

  /** At rest after a cycle: a weak ref leads to what is in `live`, and to nothing else. */
  checkWeak(live: (addr: number) => boolean): void {
    for (const watch of this.watches) {
      const at = watch.weak.get();
      if (at === 0) watch.dead = true;
      else if (watch.dead) throw new SoakFailure(`a weak ref to object ${watch.id} was nil, and leads to ${at} now`);
      else if (!live(at)) throw new SoakFailure(`object ${watch.id} at ${at} is out of reach, but a weak ref finds it after two cycles`);
      else this.expect(at, watch.id, "a weak ref");
    }
  }

  private closure(from: Found[], visit: (addr: number) => void): void {
    const { shapes } = this;
    const seen = new Set(from.map(({ at }) => at));
    // Grows while it is walked.
    for (const at of seen) {
      const { id } = this.meet(at, "a ref of a graph at rest");
      if (shapes.hasContent(id)) shapes.checkContent(at, id, "a ref of a graph at rest");
      shapes.forEachPart(at, id, visit);
      for (let i = shapes.slotCount(id) - 1; i >= 0; i--) {
        const to = shapes.get(at, id, i);
        if (to !== 0) seen.add(to);
      }
    }
  }

  private meet(at: number, where: string): Found {
    this.control.count(this.thread, "checked", 1);
    return { at, id: this.shapes.check(at, where) };
  }

  private expect(at: number, id: number, where: string): Found {
    const found = this.meet(at, where);
    if (found.id !== id) throw new SoakFailure(`${where} leads to object ${found.id} at ${at}, not to object ${id}`);
    return found;
  }

  private keep(found: Found): void {
    const { hand } = this;
    if (hand.length < HAND) hand.push(found);
    else hand[this.rng.below(HAND)] = found;
  }

  /** An object: from the hand, a root or a handle. */
  private some(): Found | undefined {
    const { rng, hand, held, heap } = this;
    const from = rng.below(10);
    if (from < 6 && hand.length > 0) {
      const { at, id } = hand[rng.below(hand.length)]!;
      return this.expect(at, id, "a raw ref of this turn");
    }
    if (from < 7 && held.length > 0) {
      const { handle, id } = held[rng.below(held.length)]!;
      return this.expect(handle.ref, id, "a handle");
    }
    const name = rootName(rng.below(ROOTS));
    let at = 0;
    try {
      at = heap.roots.get(name);
    } catch (error) {
      if ((error as { code?: string }).code !== "ERR_ROOT_UNKNOWN") throw error;
    }
    return at === 0 ? undefined : this.meet(at, "a shared root");
  }

  private make(): void {
    const { rng, shapes } = this;
    const id = this.newId();
    const at = shapes.make(id);
    const found = { at, id };
    this.keep(found);
    const slots = shapes.slotCount(id);
    // Nobody else knows it yet, so plain stores will do.
    for (let n = rng.below(4); n > 0 && slots > 0; n--) shapes.set(at, id, rng.below(slots), this.some()?.at ?? 0);
    if (rng.below(2) === 0) this.tie(found);
  }

  /** Makes an object reachable from another, or from a root. */
  private tie({ at }: Found): void {
    const { rng, shapes, heap } = this;
    const to = this.some();
    const slots = to === undefined ? 0 : shapes.slotCount(to.id);
    if (to !== undefined && slots > 0) {
      const i = rng.below(slots);
      shapes.compareExchange(to.at, to.id, i, shapes.load(to.at, to.id, i), at);
    } else {
      heap.roots.set(rootName(rng.below(ROOTS)), at);
    }
  }

  private load(): void {
    const { rng, shapes } = this;
    const from = this.some();
    const slots = from === undefined ? 0 : shapes.slotCount(from.id);
    if (from === undefined || slots === 0) return;
    const at = shapes.load(from.at, from.id, rng.below(slots));
    if (at !== 0) this.keep(this.meet(at, `a slot of object ${from.id}`));
  }

  private exchange(): void {
    const { rng, shapes } = this;
    const to = this.some();
    const slots = to === undefined ? 0 : shapes.slotCount(to.id);
    if (to === undefined || slots === 0) return;
    const i = rng.below(slots);
    const value = rng.below(3) === 0 ? 0 : (this.some()?.at ?? 0);
    const old = shapes.load(to.at, to.id, i);
    // What was there stays in hand, and may come back.
    if (old !== 0) this.keep(this.meet(old, `a slot of object ${to.id}`));
    shapes.compareExchange(to.at, to.id, i, old, value);
  }

  private setRoot(): void {
    const { rng, heap } = this;
    heap.roots.set(rootName(rng.below(ROOTS)), rng.below(4) === 0 ? 0 : (this.some()?.at ?? 0));
  }

  private lock(): void {
    const { rng, shapes } = this;
    const found = this.some();
    if (found === undefined || kindOf(found.id) !== RICH) return;
    const { at, id } = found;
    shapes.locked(at, id, "a shared ref", () => {
      shapes.checkContent(at, id, "a shared ref");
      if (rng.below(2) === 0) shapes.setContent(at, id, rng.below(100));
    });
  }

  private stepWeak(): void {
    const { rng, heap, watches, shapes } = this;
    if (rng.below(3) === 0) {
      const found = this.some();
      // What shares a tiny block dies with it, later than it is out of reach.
      if (found === undefined || shapes.isTiny(found.id)) return;
      const watch = { weak: heap.weak(found.at), id: found.id, dead: false };
      if (!watch.weak.equals(heap.weak(found.at))) throw new SoakFailure(`two weak refs to object ${found.id} differ`);
      if (watches.length < MOST_WATCHED) watches.push(watch);
      else watches[rng.below(MOST_WATCHED)] = watch;
      return;
    }
    const watch = watches[rng.below(watches.length)];
    if (watch === undefined) return;
    const at = watch.weak.get();
    if (at === 0) {
      if (!watch.dead) this.control.count(this.thread, "weakDied", 1);
      watch.dead = true;
      return;
    }
    if (watch.dead) throw new SoakFailure(`a weak ref to object ${watch.id} was nil, and leads to ${at} now`);
    this.keep(this.expect(at, watch.id, "a weak ref"));
  }

  private stepPost(): void {
    const { rng, held, heap } = this;
    const kind = rng.below(4);
    if (kind === 0) {
      const found = this.some();
      if (found !== undefined && held.length < MOST_HELD) held.push({ handle: heap.root(found.at), id: found.id });
    } else if (kind === 1 && held.length > 0) {
      const i = rng.below(held.length);
      if (this.post.send(held[i]!, rng)) held.splice(i, 1);
    } else if (kind === 2 && held.length > MOST_HELD / 2) {
      held.splice(rng.below(held.length), 1)[0]!.handle.dispose();
    } else {
      this.receive();
    }
  }

  private receive(): void {
    const letter = this.post.receive(this.heap);
    if (letter === undefined) return;
    this.control.count(this.thread, "handedOver", 1);
    this.keep(this.expect(letter.handle.ref, letter.id, "a handle from another thread"));
    if (this.held.length < MOST_HELD) this.held.push(letter);
    else letter.handle.dispose();
  }

  private stepUnique(): void {
    const { rng, heap, uniques } = this;
    const n = rng.below(UNIQUE_VALUES);
    const text = `value ${n}${n % 3 === 0 ? "é".repeat(n) : ""}`;
    const value = n % 5 === 0 ? new TextEncoder().encode(text) : text;
    const root = heap.roots.has(uniqueRoot(n)) ? heap.roots.get(uniqueRoot(n)) : 0;
    const unique = heap.unique(value);
    if (String(unique.value) !== String(value)) throw new SoakFailure(`the unique value of ${String(value)} is ${String(unique.value)}`);
    if (root !== 0 && n < UNIQUE_ROOTS && unique.ref !== root) throw new SoakFailure(`a root keeps the unique ${text} at ${root}, but asked for, it is at ${unique.ref}`);
    if (n < UNIQUE_ROOTS && rng.below(3) === 0) heap.roots.set(uniqueRoot(n), rng.below(2) === 0 ? 0 : unique.ref);
    if (!this.seenUniques.has(unique)) {
      this.seenUniques.add(unique);
      this.registry.register(unique, undefined);
      this.knownUniques++;
    }
    // Dropped ones are let go when the engine collects them.
    if (uniques.length < MOST_UNIQUES) uniques.push(unique);
    else uniques[rng.below(MOST_UNIQUES)] = unique;
  }
}

/** Drops all shared roots: the round is over. */
export function dropSharedRoots(heap: Heap): void {
  for (const name of heap.roots.names()) heap.roots.delete(name);
}

function rootName(i: number): string {
  return `shared ${i}`;
}

function uniqueRoot(n: number): string {
  return `unique ${n}`;
}
