/**
 * Finalizers and cleanups: functions of a thread that are called when an object dies.
 *
 *     setFinalizer(ref, fn)      fn(ref): the object is alive once more while fn runs, and after it if fn keeps it. One per object; when it has run it is gone
 *     addCleanup(ref, fn, arg)   fn(arg): the object is no more. Any number per object; arg must not lead to the object, or it never dies
 *
 * The region knows a function by the thread and a number (specials.ts of gc); this thread keeps number -> function. What is due is called at
 * a turn's start, never inside an operation, in the order in which the sweep found it. A function that throws is reported, and the rest still run. What becomes due
 * while they run waits for the next turn. When the thread leaves the heap, its functions are never called.
 *
 * To choose between the two: a cleanup is what most programs want; only a finalizer sees the object, and it delays the object's end by a cycle.
 */
import { KIND_CANCELLED, KIND_FINALIZER, SPECIAL_TAKEN, Special, type SpecialPtr } from "@mallocgc/gc";
import type { Ptr } from "@mallocgc/sysmem";
import { HeapError, HeapExhaustedError, describeValue } from "../errors.ts";
import { Handle } from "./handle.ts";
import type { Handles } from "./handles.ts";
import { exhausted, type RootHost, type RootValue } from "./root-host.ts";

const SPECIAL_BYTES: number = Special.words * 4;
const FINALIZER = KIND_FINALIZER;
const CANCELLED = KIND_CANCELLED;
const TAKEN = SPECIAL_TAKEN;
const NO_SLOT = -1;
const NO_WORD = 0 as Ptr;

interface Callback {
  readonly fn: (arg: unknown) => void;
  readonly arg: unknown;
}

/** A cleanup that was added. */
export interface Cleanup {
  /** Takes the cleanup away. False when it is too late: the object has died, or it was stopped before. Its function is not called from now on either way. */
  stop(): boolean;
}

/** The finalizers and cleanups of one thread. */
export class Callbacks {
  private readonly host: RootHost;
  private readonly handles: Handles;
  private readonly functions = new Map<number, Callback>();
  private lastId = 0;
  private running = false;
  private left = false;

  constructor(host: RootHost, handles: Handles) {
    this.host = host;
    this.handles = handles;
  }

  /**
   * Has `fn` called with the object once nothing else reaches it, on this thread; null takes the finalizer away, whichever thread's it is.
   *
   * @throws HeapError `ERR_FINALIZER` when `fn` is no function, when the object has a finalizer already, or when there is no object; the errors of
   * `free` when `value` is not the start of one; HeapExhaustedError.
   */
  setFinalizer(value: RootValue, fn: ((ref: number) => void) | null): void {
    const ref = this.objectOf(value, "ERR_FINALIZER", "a finalizer");
    const { specials, processorId, generation } = this.host;
    if (fn === null) {
      specials.removeFinalizer(ref);
      return;
    }
    if (typeof fn !== "function") throw new HeapError("ERR_FINALIZER", `a finalizer is a function, or null to take it away, not ${describeValue(fn)}`);
    const id = this.nextId();
    const special = specials.setFinalizer(ref, processorId, generation, id);
    if (special === TAKEN) throw new HeapError("ERR_FINALIZER", `the object at ${ref} has a finalizer already: take it away first with setFinalizer(ref, null)`);
    if (special === 0) throw exhausted(this.host, SPECIAL_BYTES);
    this.functions.set(id, { fn: fn as (arg: unknown) => void, arg: undefined });
  }

  /**
   * Has `fn(arg)` called, on this thread, once the object is gone.
   *
   * @throws HeapError `ERR_CLEANUP` when `fn` is no function, when `arg` is the object itself, or when there is no object; the errors of `free` when
   * `value` is not the start of one; HeapExhaustedError.
   */
  addCleanup<T>(value: RootValue, fn: (arg: T) => void, arg: T): Cleanup {
    const ref = this.objectOf(value, "ERR_CLEANUP", "a cleanup");
    if (typeof fn !== "function") throw new HeapError("ERR_CLEANUP", `a cleanup is a function, not ${describeValue(fn)}`);
    if (this.leadsTo(arg, ref)) throw new HeapError("ERR_CLEANUP", `the argument of a cleanup is the object at ${ref} itself: it would never die, or be gone when the cleanup runs`);
    const { specials, processorId, generation } = this.host;
    const id = this.nextId();
    if (specials.addCleanup(ref, processorId, generation, id) === 0) throw exhausted(this.host, SPECIAL_BYTES);
    this.functions.set(id, { fn: fn as (arg: unknown) => void, arg });
    return {
      stop: () => {
        this.host.enterTurn();
        this.functions.delete(id);
        return specials.removeCleanup(ref, processorId, generation, id);
      },
    };
  }

  /** Whether something may be due: a plain read. */
  get due(): boolean {
    return !this.host.specials.queues.isEmpty(this.host.processorId);
  }

  /** Calls what is due, and returns how many functions that were. At a turn's start, in the turn. */
  runQueued(): number {
    const { processorId, specials } = this.host;
    // A function may begin a turn of its own: what is due then waits.
    if (this.running || specials.queues.isEmpty(processorId)) return 0;
    this.running = true;
    try {
      return this.runUpTo(specials.queues.last(processorId));
    } finally {
      this.running = false;
    }
  }

  /** Drops what waits for the thread that was this P before. */
  dropStale(): void {
    const { processorId, generation, specials } = this.host;
    for (let special = specials.queues.peek(processorId); special !== 0 && specials.generationOf(special) !== generation; special = specials.queues.peek(processorId)) {
      specials.queues.pop(processorId, false);
      specials.free(special);
    }
  }

  /** The thread leaves the heap: its functions are forgotten, and what is due is dropped. */
  leave(): void {
    const { processorId, specials } = this.host;
    this.left = true;
    this.functions.clear();
    for (let special = specials.queues.peek(processorId); special !== 0; special = specials.queues.peek(processorId)) {
      specials.queues.pop(processorId, false);
      specials.free(special);
    }
  }

  /** Functions that this thread keeps. */
  get count(): number {
    return this.functions.size;
  }

  private runUpTo(last: SpecialPtr): number {
    const { processorId, generation, specials } = this.host;
    const { queues } = specials;
    let ran = 0;
    for (let more = true; more && !this.left; ) {
      const special = queues.peek(processorId);
      if (special === 0) return ran;
      more = special !== last;
      const kind = specials.kindOf(special);
      const id = specials.idOf(special);
      const callback = specials.generationOf(special) === generation ? this.functions.get(id) : undefined;
      const due = callback !== undefined && kind !== CANCELLED;
      const ref = due && kind === FINALIZER ? specials.refOf(special) : 0;
      // Before the special leaves the queue: there it keeps its object, which has to be kept at every moment.
      const slot = ref === 0 ? NO_SLOT : this.tryRoot(ref);
      if (ref !== 0 && slot === NO_SLOT) return ran;
      queues.pop(processorId, due);
      specials.free(special);
      if (callback !== undefined) this.functions.delete(id);
      if (!due) continue;
      ran++;
      this.call(callback, slot);
    }
    return ran;
  }

  /** A slot that keeps `ref`, or NO_SLOT when there is no room: then the finalizer waits for another turn. */
  private tryRoot(ref: number): number {
    try {
      return this.handles.slots.alloc(ref);
    } catch (error) {
      if (error instanceof HeapExhaustedError) return NO_SLOT;
      throw error;
    }
  }

  private call(callback: Callback, slot: number): void {
    const { slots } = this.handles;
    const word = slot === NO_SLOT ? NO_WORD : slots.wordOf(slot);
    const generation = slot === NO_SLOT ? 0 : slots.generationOf(word);
    try {
      callback.fn(slot === NO_SLOT ? callback.arg : slots.refOf(word));
    } catch (error) {
      this.host.onError(error, slot === NO_SLOT ? "cleanup" : "finalizer");
    } finally {
      // Unless the function has made this thread leave the heap: then all its slots are free.
      if (slot !== NO_SLOT && slots.isLive(word, generation)) slots.free(slot, word);
    }
  }

  private objectOf(value: RootValue, code: "ERR_FINALIZER" | "ERR_CLEANUP", what: string): number {
    this.host.enterTurn();
    const ref = typeof value === "object" && value !== null ? this.host.refOfView(value) : value;
    if (typeof ref !== "number" || ref <= 0) throw new HeapError(code, `${what} hangs on an object: give its address or a view of it, not ${describeValue(value)}`);
    this.host.checkObject(ref);
    if (this.host.layers.pages.spanOf(ref) === 0) throw new HeapError(code, `${what} hangs on an object that can die: the one at ${ref}, of no bytes, never does`);
    return ref;
  }

  private leadsTo(arg: unknown, ref: number): boolean {
    if (typeof arg !== "object" || arg === null) return arg === ref;
    return arg instanceof Handle ? !arg.disposed && arg.ref === ref : this.host.refOfView(arg) === ref;
  }

  private nextId(): number {
    // Of 2^31 numbers in use at one time none would be left; before that, one in use is passed over.
    do this.lastId = (this.lastId + 1) & 0x7fffffff;
    while (this.functions.has(this.lastId));
    return this.lastId;
  }
}
