/**
 * One thread of a round on a collected heap: its steps, by turns, on its own graph and on the one that all share.
 *
 *     explicit turns      heap.turn(fn) of up to 60 steps
 *     jobs                a turn begins with the first step, and ends with the job; between them the thread goes to the event loop
 *     a long loop         safepoint() between the steps
 *
 * In between it asks for a cycle now and then. When the heap is exhausted, which must be said with `ERR_HEAP_EXHAUSTED`, it lets a part of its objects
 * go and asks for one too.
 */
import { HeapExhaustedError, type Heap } from "@mallocgc/runtime";
import type { Control } from "../control.ts";
import { Rng } from "../rng.ts";
import type { Census } from "./census.ts";
import { BLOCK, CELL, FAT, LEAF, LIST, PAIR, RICH, ROWS, idOf } from "./identity.ts";
import type { Post } from "./post.ts";
import { PrivateGraph } from "./private-graph.ts";
import { SharedGraph } from "./shared-graph.ts";
import { Shapes } from "./shapes.ts";

const LONGEST_TURN = 60;
const STEPS_PER_STYLE = 500;
/** Kinds of new objects, as often as they come. */
const KINDS = [CELL, CELL, BLOCK, BLOCK, LEAF, PAIR, PAIR, PAIR, PAIR, PAIR, PAIR, RICH, RICH, FAT, FAT, LIST, LIST, ROWS] as const;

/** A thread and its graphs. */
export class CollectedThread {
  heap: Heap;
  /** Steps done in this round. */
  steps = 0;
  private readonly control: Control;
  private readonly thread: number;
  private readonly seed: number;
  private readonly rng: Rng;
  private readonly post: Post;
  private own: PrivateGraph;
  private shared: SharedGraph;
  private serial = 0;
  private starving = false;

  constructor(heap: Heap, control: Control, thread: number, seed: number, post: Post) {
    this.heap = heap;
    this.control = control;
    this.thread = thread;
    this.seed = seed;
    this.rng = new Rng(seed);
    this.post = post;
    const shapes = new Shapes(heap);
    this.own = new PrivateGraph(shapes, thread, this.rng, this.newId);
    this.shared = new SharedGraph(shapes, control, thread, this.rng, post, this.newId);
  }

  /** Has the heap make room for handles, while there is any: what others send must not fail for want of it. */
  reserve(): void {
    this.heap.turn(() => { this.heap.root(0).dispose(); });
  }

  /** Does `steps` steps. Outside of any turn afterwards. `afterTurn` throws what a callback has thrown. */
  async play(steps: number, maxObjects: number, afterTurn: () => void): Promise<void> {
    for (const end = this.steps + steps; this.steps < end; ) {
      const until = Math.min(end, this.steps + STEPS_PER_STYLE);
      this.rng.restart(this.seed, -1 - this.steps);
      const style = this.rng.below(3);
      while (this.steps < until && !this.starving) {
        const n = this.turnLength(until);
        if (style === 0) this.heap.turn(() => { this.doSteps(n, maxObjects); });
        else this.doSteps(n, maxObjects);
        if (style === 1) await this.betweenJobs();
        if (style === 2) this.heap.safepoint();
        this.dropHands();
        afterTurn();
        if (style !== 2) this.betweenTurns();
      }
      // Ends the turn of a long loop.
      await Promise.resolve();
      this.betweenTurns();
    }
    this.control.count(this.thread, "callbacks", this.own.callbacks);
    this.own.callbacks = 0;
  }

  /** Takes what was sent to this thread. */
  receiveAll(): void {
    this.heap.turn(() => { this.shared.receiveAll(); });
    this.dropHands();
  }

  /** A turn, for what is due; how many functions were called. */
  callDue(): number {
    this.heap.turn(() => undefined);
    const called = this.own.callbacks;
    this.control.count(this.thread, "callbacks", called);
    this.own.callbacks = 0;
    return called;
  }

  /** At rest: its own graph is as it should be; counts what must be alive. Votes the number of unique values dropped. */
  check(census: Census): void {
    this.heap.turn(() => {
      this.own.check((addr) => { census.add(this.heap, addr); });
      this.shared.forEachKept((addr) => { census.add(this.heap, addr); });
    });
    this.control.vote(this.shared.droppedUniques);
  }

  /** Counts what the roots of all threads keep. By one thread. */
  checkShared(census: Census): void {
    this.heap.turn(() => { this.shared.forEachShared((addr) => { census.add(this.heap, addr); }); });
  }

  /** What a weak ref into the shared graph finds is one of the objects counted. */
  checkWeak(counted: ReadonlySet<number>): void {
    this.heap.turn(() => { this.shared.checkWeak((at) => counted.has(at)); });
  }

  /** Leaves the heap and comes back, perhaps as another P. */
  reattach(attach: () => Heap): void {
    this.leave();
    this.heap = attach();
    const shapes = new Shapes(this.heap);
    this.own = new PrivateGraph(shapes, this.thread, this.rng, this.newId, this.own);
    this.shared = new SharedGraph(shapes, this.control, this.thread, this.rng, this.post, this.newId);
  }

  /** Takes what it has sent to itself: the round is over. */
  land(): void {
    this.heap.turn(() => { this.own.land(); });
  }

  /** Leaves the heap with all it has in hand. */
  leave(): void {
    this.heap.turn(() => { this.own.beforeLeaving(); });
    this.heap.detach();
  }

  private readonly newId = (): number => {
    this.control.count(this.thread, "allocations", 1);
    return idOf(KINDS[this.rng.below(KINDS.length)]!, this.thread, ++this.serial);
  };

  private turnLength(until: number): number {
    this.rng.restart(this.seed, -1 - this.steps);
    return Math.min(until - this.steps, 1 + this.rng.below(this.rng.below(LONGEST_TURN) + 1));
  }

  private doSteps(n: number, maxObjects: number): void {
    const { rng } = this;
    const end = this.steps + n;
    try {
      while (this.steps < end) {
        rng.restart(this.seed, this.steps);
        this.steps++;
        if (rng.below(2) === 0) this.own.step(maxObjects);
        else this.shared.step();
      }
    } catch (error) {
      if (!(error instanceof HeapExhaustedError)) throw error;
      this.starving = true;
    }
    this.control.count(this.thread, "steps", this.steps - end + n);
  }

  private dropHands(): void {
    this.own.dropHand();
    this.shared.dropHand();
  }

  private async betweenJobs(): Promise<void> {
    this.rng.restart(this.seed, -1 - this.steps);
    if (this.rng.below(20) === 0) await new Promise((resolve) => setImmediate(resolve));
    else await Promise.resolve();
    this.dropHands();
    if (this.rng.below(100) === 0) {
      this.control.count(this.thread, "forced", 1);
      await this.heap.gc();
      await Promise.resolve();
    }
  }

  private betweenTurns(): void {
    if (this.starving) this.makeRoom();
    this.rng.restart(this.seed, -1 - this.steps);
    const kind = this.rng.below(300);
    if (kind === 0) {
      this.control.count(this.thread, "forced", 1);
      this.heap.gcSync();
    } else if (kind === 1) {
      this.heap.turn(() => { this.heap.flush(); });
    }
  }

  private makeRoom(): void {
    this.starving = false;
    this.control.count(this.thread, "exhausted", 1);
    this.rng.restart(this.seed, -1 - this.steps);
    this.heap.turn(() => {
      this.own.shrink();
      this.shared.shrink();
    });
    this.heap.gcSync();
  }
}
