/**
 * A thread's own graph: random work on it, every step of it done to its mirror as well (mirror.ts), so that it is known exactly what lives.
 *
 *     make, link, cut     objects of every kind; what was cut off may stay in hand, as a raw ref, until the turn ends, and come back
 *     walk                along refs, in step with the mirror; each object must be the one expected, and whole
 *     roots               named ones, handles, scopes; handles are cloned, moved and adopted as if between threads
 *     weak refs           must find what is in reach; what they find, dead or not, may come back into the graph
 *     cleanups            are called once, when the object is out of reach
 *     finalizers          likewise, with the object, which some of them put back into the graph
 */
import { HeapExhaustedError, type Cleanup, type Handle, type Heap, type Scope, type Weak } from "@mallocgc/runtime";
import { SoakFailure } from "../failure.ts";
import type { Rng } from "../rng.ts";
import { LIST, PAIR, drawn, kindOf } from "./identity.ts";
import { alive, reach, vertex, type Vertex } from "./mirror.ts";
import type { Shapes } from "./shapes.ts";

const ROOTS = 6;
const HAND = 8;
const MOST_HANDLES = 30;
const MOST_IN_SCOPE = 10;
const MOST_WATCHED = 60;
const MOST_FINALIZERS = 12;
const STEPS_TO_WALK = 7;

interface Rooted {
  readonly handle: Handle;
  target: Vertex;
}
/** A handle that was moved, and is not adopted yet. */
interface InFlight {
  readonly message: unknown;
  readonly target: Vertex;
}
interface Scoped {
  readonly scope: Scope;
  readonly rooted: Rooted[];
}
interface Watch {
  readonly weak: Weak;
  readonly target: Vertex;
  /** The object's finalizer was called since: this weak ref is nil for ever. */
  cleared: boolean;
}
interface Mourner {
  readonly target: Vertex;
  cleanup: Cleanup | undefined;
  called: boolean;
}

/** A thread's graph, and what it does to it. */
export class PrivateGraph {
  /** Cleanups and finalizers called so far. */
  callbacks = 0;
  private readonly heap: Heap;
  private readonly shapes: Shapes;
  private readonly thread: number;
  private readonly rng: Rng;
  private readonly newId: () => number;
  private readonly roots: (Vertex | undefined)[];
  private readonly inFlight: InFlight[];
  private readonly handles: Rooted[] = [];
  private readonly scopes: Scoped[] = [];
  private readonly watches: Watch[] = [];
  private readonly mourners: Mourner[] = [];
  private readonly finalizing = new Set<Vertex>();
  private readonly hand: Vertex[] = [];

  /** `from` is the graph that this thread had when it was attached before: what named roots lead to, and handles on their way, is there still. */
  constructor(shapes: Shapes, thread: number, rng: Rng, newId: () => number, from?: PrivateGraph) {
    this.heap = shapes.heap;
    this.shapes = shapes;
    this.thread = thread;
    this.rng = rng;
    this.newId = newId;
    this.roots = from?.roots ?? new Array<Vertex | undefined>(ROOTS).fill(undefined);
    this.inFlight = from?.inFlight ?? [];
  }

  /** One step, in a turn. @throws HeapExhaustedError; SoakFailure. */
  step(maxObjects: number): void {
    const { rng } = this;
    const kind = rng.below(1000);
    if (kind < 330) this.make();
    else if (kind < 560) this.link();
    else if (kind < 690) this.cut();
    else if (kind < 760) this.look();
    else if (kind < 800) this.setRoot();
    else if (kind < 880) this.stepHandles();
    else if (kind < 960) this.stepWeak();
    else if (kind < 995) this.stepCallbacks();
    else if (reach(this.roots).size > maxObjects) this.shrink();
  }

  /** The turn has ended: raw refs are void. */
  dropHand(): void {
    this.hand.length = 0;
  }

  /** Lets half of everything go: there is no room. In a turn. */
  shrink(): void {
    for (let i = this.rng.below(2); i < ROOTS; i += 2) if (this.roots[i] !== undefined) this.putRoot(i, undefined);
    while (this.handles.length > MOST_HANDLES / 2) this.handles.pop()!.handle.dispose();
  }

  /** Adopts what is on its way, so that it is let go with all else. In a turn. */
  land(): void {
    for (const { message } of this.inFlight.splice(0)) this.heap.adopt(message).dispose();
  }

  /** Before the thread leaves: nothing of its own may be called any more. In a turn. */
  beforeLeaving(): void {
    for (const v of this.finalizing) this.heap.setFinalizer(v.addr, null);
  }

  /**
   * At rest, after cycles enough for all that is due to have been called: what is in reach is there, whole, and linked as in the mirror; what is not
   * is gone. Calls `visit` with each object that must be there. In a turn.
   */
  check(visit: (addr: number) => void): void {
    const { shapes } = this;
    const inReach = this.reach();
    for (const v of inReach) {
      this.visit(v, "a ref of a graph at rest");
      if (shapes.hasContent(v.id)) shapes.checkContent(v.addr, v.id, "a ref of a graph at rest");
      for (let i = 0; i < v.slots.length; i++) this.expectSlot(v, i);
      shapes.forEachPart(v.addr, v.id, visit);
    }
    for (const v of this.finalizing) if (!inReach.has(v)) throw failure(v, "is out of reach, but its finalizer was not called");
    for (const watch of this.watches) {
      const there = inReach.has(watch.target) && !watch.cleared;
      const found = watch.weak.get();
      if (found !== (there ? watch.target.addr : 0)) throw failure(watch.target, `is ${there ? "in" : "out of"} reach, but a weak ref gives ${found}`);
    }
    for (const { target, called } of this.mourners) {
      if (called === inReach.has(target)) throw failure(target, called ? "is in reach, but its cleanup was called" : "is out of reach, but its cleanup was not called");
    }
    this.forgetDead();
  }

  private *rooted(): Generator<Rooted> {
    yield* this.handles;
    for (const { rooted } of this.scopes) yield* rooted;
  }

  /** What must live: what roots lead to, and what the objects lead to that wait for their finalizers. */
  private reach(): Set<Vertex> {
    const from: (Vertex | undefined)[] = [...this.roots];
    for (const { target } of [...this.rooted(), ...this.inFlight]) from.push(target);
    for (const v of this.finalizing) from.push(...v.slots);
    return reach(from);
  }

  /** The object is the one of this vertex, and whole. */
  private visit(v: Vertex, where: string): void {
    const id = this.shapes.check(alive(v).addr, where);
    if (id !== v.id) throw new SoakFailure(`${where} leads to object ${id} at ${v.addr}, not to object ${v.id}`);
  }

  private expectSlot(v: Vertex, i: number): Vertex | undefined {
    const target = v.slots[i];
    const found = this.shapes.get(v.addr, v.id, i);
    if (found !== (target?.addr ?? 0)) throw failure(v, `has ${found} in slot ${i}, not ${target?.addr ?? 0}`);
    return target;
  }

  /** Some object in reach or in hand; undefined when there is none, or the way there ends. */
  private walk(): Vertex | undefined {
    const { rng } = this;
    let at = this.start();
    for (let n = rng.below(STEPS_TO_WALK); at !== undefined && n > 0 && at.slots.length > 0; n--) {
      const next: Vertex | undefined = this.expectSlot(at, rng.below(at.slots.length));
      if (next === undefined) break;
      this.visit(next, `slot of object ${at.id}`);
      at = next;
    }
    return at;
  }

  private start(): Vertex | undefined {
    const { rng, hand, handles } = this;
    const from = rng.below(10);
    if (from < 3 && hand.length > 0) {
      const v = hand[rng.below(hand.length)]!;
      this.visit(v, "a raw ref of this turn");
      return v;
    }
    if (from < 5 && handles.length > 0) {
      const { handle, target } = handles[rng.below(handles.length)]!;
      this.expectRef(handle.ref, target, "a handle");
      return target;
    }
    const i = rng.below(ROOTS);
    const target = this.roots[i];
    if (target === undefined) return undefined;
    this.expectRef(this.heap.roots.get(this.rootName(i)), target, "a named root");
    return target;
  }

  private expectRef(found: number, v: Vertex, where: string): void {
    if (found !== v.addr) throw failure(v, `should be the object of ${where}, which leads to ${found}`);
    this.visit(v, where);
  }

  private rootName(i: number): string {
    return `private ${this.thread} ${i}`;
  }

  private putRoot(i: number, v: Vertex | undefined): void {
    this.heap.roots.set(this.rootName(i), v?.addr ?? 0);
    this.roots[i] = v;
  }

  private keep(v: Vertex): void {
    const { hand } = this;
    if (hand.length < HAND) hand.push(v);
    else hand[this.rng.below(HAND)] = v;
  }

  private put(v: Vertex, i: number, target: Vertex | undefined): void {
    this.shapes.set(v.addr, v.id, i, target?.addr ?? 0);
    v.slots[i] = target;
  }

  private make(): void {
    const { rng, shapes } = this;
    const id = this.newId();
    const v = vertex(id, shapes.make(id), shapes.slotCount(id));
    this.keep(v);
    for (let n = rng.below(3); n > 0 && v.slots.length > 0; n--) this.put(v, rng.below(v.slots.length), this.walk());
    if (shapes.hasContent(id) && rng.below(2) === 0) shapes.setContent(v.addr, id, rng.below(100));
    // Most are tied in at once, or there would be little but garbage.
    const to = this.walk();
    if (to !== undefined && to.slots.length > 0) this.put(to, rng.below(to.slots.length), v);
    else if (rng.below(4) === 0) this.putRoot(rng.below(ROOTS), v);
  }

  private link(): void {
    const from = this.walk();
    if (from !== undefined && from.slots.length > 0) this.put(from, this.rng.below(from.slots.length), this.walk());
  }

  /** Takes a ref away; its object may stay in hand, or change places with another. */
  private cut(): void {
    const { rng } = this;
    const from = this.walk();
    if (from === undefined || from.slots.length === 0) return;
    const i = rng.below(from.slots.length);
    const target = this.expectSlot(from, i);
    const other = rng.below(3) === 0 ? this.walk() : undefined;
    this.put(from, i, undefined);
    if (target === undefined) return;
    if (other !== undefined && other.slots.length > 0) this.put(other, rng.below(other.slots.length), target);
    else if (rng.below(2) === 0) this.keep(target);
  }

  private look(): void {
    const { rng, shapes } = this;
    const v = this.walk();
    if (v === undefined) return;
    if (shapes.hasContent(v.id)) {
      shapes.checkContent(v.addr, v.id, "a walk");
      if (rng.below(2) === 0) shapes.setContent(v.addr, v.id, rng.below(100));
    } else if (kindOf(v.id) === PAIR) {
      const seen = shapes.viewPair(v.addr).join();
      const expected = [v.id, v.slots[0]?.id, v.slots[1]?.id].join();
      if (seen !== expected) throw failure(v, `shows ${seen} as a view, not ${expected}`);
    }
  }

  private setRoot(): void {
    const { rng } = this;
    const i = rng.below(ROOTS);
    const v = this.walk();
    if (v !== undefined || rng.below(4) === 0) this.putRoot(i, v);
  }

  private stepHandles(): void {
    const { rng, heap, handles, scopes } = this;
    const kind = rng.below(10);
    if (kind < 3) {
      const v = this.walk();
      if (v !== undefined && handles.length < MOST_HANDLES) handles.push({ handle: heap.root(v.addr), target: v });
    } else if (kind < 5) {
      const rooted = this.takeHandle();
      rooted?.handle.dispose();
    } else if (kind < 7) {
      this.passHandle();
    } else if (kind < 8) {
      const v = this.walk();
      const rooted = handles[rng.below(handles.length)];
      if (v === undefined || rooted === undefined) return;
      rooted.handle.set(v.addr);
      rooted.target = v;
    } else if (kind < 9) {
      if (scopes.length < 4) scopes.push({ scope: heap.scope(), rooted: [] });
      const { scope, rooted } = scopes[rng.below(scopes.length)]!;
      const v = rooted.length < MOST_IN_SCOPE ? this.walk() : undefined;
      if (v !== undefined) rooted.push({ handle: scope.root(v.addr), target: v });
    } else {
      const last = scopes.pop();
      if (last === undefined) return;
      for (const { handle, target } of last.rooted) this.expectRef(handle.ref, target, "a handle of a scope");
      last.scope[Symbol.dispose]();
    }
  }

  private takeHandle(): Rooted | undefined {
    const { handles } = this;
    if (handles.length === 0) return undefined;
    const i = this.rng.below(handles.length);
    const rooted = handles[i]!;
    const last = handles.pop()!;
    if (i < handles.length) handles[i] = last;
    return rooted;
  }

  /** A handle goes round as a message would, and is adopted. */
  private passHandle(): void {
    const { heap, handles, inFlight, rng } = this;
    const rooted = this.takeHandle();
    if (rooted !== undefined && rng.below(2) === 0) {
      inFlight.push({ message: structuredClone(rooted.handle.move()), target: rooted.target });
    } else if (rooted !== undefined) {
      handles.push(rooted);
      const target = rooted.target;
      const handle = heap.adopt(structuredClone(rooted.handle));
      handles.push({ handle, target });
      this.expectRef(handle.ref, target, "an adopted handle");
    }
    const flying = inFlight[0];
    if (flying === undefined || rng.below(3) === 0) return;
    // Without room for a handle this throws, and the message is as good as before.
    const handle = heap.adopt(flying.message);
    inFlight.shift();
    handles.push({ handle, target: flying.target });
    this.expectRef(handle.ref, flying.target, "a handle that was moved");
  }

  private stepWeak(): void {
    const { rng, heap, watches } = this;
    if (rng.below(3) === 0) {
      const v = this.walk();
      if (v === undefined || this.shapes.isTiny(v.id)) return;
      const watch = { weak: heap.weak(v.addr), target: v, cleared: false };
      if (watches.length < MOST_WATCHED) watches.push(watch);
      else watches[rng.below(MOST_WATCHED)] = watch;
      return;
    }
    const watch = watches[rng.below(watches.length)];
    if (watch === undefined) return;
    const { weak, target } = watch;
    const found = weak.get();
    if (found === 0) {
      // With a finalizer, weak refs end when it becomes due: whoever reaches the object before it is called has found it by magic.
      if (!watch.cleared) target.gone ??= "a weak ref to it was nil";
      return;
    }
    if (watch.cleared) throw failure(target, "had its finalizer called, but a weak ref from before still leads to it");
    this.expectRef(found, target, "a weak ref");
    this.keep(target);
  }

  private stepCallbacks(): void {
    const { rng, mourners } = this;
    const v = this.walk();
    if (rng.below(8) === 0) this.stopCleanup(mourners[rng.below(mourners.length)]);
    else if (v === undefined || this.shapes.isTiny(v.id)) return;
    else if (rng.below(3) > 0) this.addCleanup(v);
    // A list leads to itself, so that it would never be called.
    else if (!v.finalizing && kindOf(v.id) !== LIST && this.finalizing.size < MOST_FINALIZERS) this.setFinalizer(v);
    else if (v.finalizing && rng.below(2) === 0) {
      this.heap.setFinalizer(v.addr, null);
      this.finalized(v);
    }
  }

  private addCleanup(target: Vertex): void {
    if (this.mourners.length >= MOST_WATCHED) return;
    const mourner: Mourner = { target, cleanup: undefined, called: false };
    mourner.cleanup = this.heap.addCleanup(target.addr, (m: Mourner) => { this.mourn(m); }, mourner);
    this.mourners.push(mourner);
  }

  private mourn(mourner: Mourner): void {
    this.callbacks++;
    if (mourner.called) throw failure(mourner.target, "had a cleanup called twice");
    mourner.called = true;
    mourner.target.gone ??= "its cleanup was called";
  }

  private stopCleanup(mourner: Mourner | undefined): void {
    if (mourner === undefined) return;
    this.mourners.splice(this.mourners.indexOf(mourner), 1);
    const stopped = mourner.cleanup!.stop();
    if (stopped && mourner.called) throw failure(mourner.target, "had a cleanup called that could still be stopped");
    if (!stopped) mourner.target.gone ??= "it was too late to stop its cleanup";
    // Whatever it does from now on is a second call.
    mourner.called = true;
  }

  private setFinalizer(v: Vertex): void {
    this.heap.setFinalizer(v.addr, (at) => { this.finalize(v, at); });
    v.finalizing = true;
    this.finalizing.add(v);
  }

  private finalized(v: Vertex): void {
    v.finalizing = false;
    this.finalizing.delete(v);
  }

  private finalize(v: Vertex, at: number): void {
    this.callbacks++;
    if (!v.finalizing) throw failure(v, "had a finalizer called that was not set");
    if (at !== v.addr) throw failure(v, `had its finalizer called with ${at}`);
    this.finalized(v);
    // It could be reached by nothing, so a weak ref that was nil was right; from here on it can be.
    v.gone = undefined;
    for (const watch of this.watches) if (watch.target === v) watch.cleared = true;
    this.visit(v, "a finalizer");
    for (let i = 0; i < v.slots.length; i++) {
      const target = this.expectSlot(v, i);
      if (target !== undefined) this.visit(target, "what a finalizer's object keeps");
    }
    if (drawn(v.id, 7, 3) !== 0) return;
    try {
      this.putRoot(drawn(v.id, 8, ROOTS), v);
    } catch (error) {
      // There may be no room for a root; then the object goes.
      if (!(error instanceof HeapExhaustedError)) throw error;
    }
  }

  private forgetDead(): void {
    for (const list of [this.watches, this.mourners] as { target: Vertex }[][]) {
      for (let i = list.length - 1; i >= 0; i--) if (list[i]!.target.gone !== undefined && this.rng.below(2) === 0) list.splice(i, 1);
    }
  }
}

function failure(v: Vertex, what: string): SoakFailure {
  return new SoakFailure(`the object ${v.id} (kind ${kindOf(v.id)}) at ${v.addr} ${what}`);
}
