/**
 * Handles: roots that JavaScript holds. `using h = heap.root(ref)` keeps an object across turns until the block's end.
 *
 * A handle is a slot of its thread's P (root-slots.ts) and the generation in which it holds it. Its properties are the message by which
 * another thread can adopt it: structured clone copies them and nothing else. Two ways to pass an object on:
 *
 *     port.postMessage(h)             the other thread adopts while this one keeps h: h must not be disposed of before
 *     port.postMessage(h.move())      h is disposed of at once, and the slot stays a root until one thread has adopted the message
 *
 * Whoever adopts gets a handle of its own. A message outlives its slot harmlessly: the generation tells.
 */
import type { Ptr } from "@mallocgc/sysmem";
import { HeapError } from "../errors.ts";
import type { Handles } from "./handles.ts";
import { refOf, type RootValue } from "./root-host.ts";

/** What a handle looks like in another thread. */
export interface HandleMessage {
  readonly type: "mallocgc.root";
  /** Which heap it is of: a random number. */
  readonly heap: number;
  readonly slot: number;
  readonly generation: number;
}

/** A root of this thread. Made by `heap.root`, `scope.root` and `heap.adopt`. */
export class Handle implements HandleMessage {
  readonly type = "mallocgc.root";
  readonly heap: number;
  readonly slot: number;
  readonly generation: number;
  readonly #handles: Handles;
  readonly #word: Ptr;
  /** Whatever else must live as long as this handle: the scope it was made in. */
  readonly #keeper: object | undefined;

  /** @internal */
  constructor(handles: Handles, slot: number, keeper: object | undefined) {
    this.heap = handles.nonce;
    this.slot = slot;
    this.#handles = handles;
    this.#word = handles.slots.wordOf(slot);
    this.generation = handles.slots.generationOf(this.#word);
    this.#keeper = keeper;
  }

  /** The address of the object, valid in this turn; 0 when the handle keeps none. @throws HeapError `ERR_ROOT_DISPOSED`. */
  get ref(): number {
    const slots = this.#handles.enter();
    if (!slots.isLive(this.#word, this.generation)) throw disposed();
    return slots.refOf(this.#word);
  }

  /** Keeps another object instead, or none. @throws HeapError `ERR_ROOT`, `ERR_ROOT_DISPOSED`. */
  set(value: RootValue): void {
    const slots = this.#handles.enter();
    if (!slots.isLive(this.#word, this.generation)) throw disposed();
    slots.setRef(this.#word, refOf(this.#handles.host, value));
  }

  /** Whether the handle was disposed of, or moved. */
  get disposed(): boolean {
    return !this.#handles.slots.isLive(this.#word, this.generation);
  }

  /** A message that hands the object over: this handle is disposed of, and the object stays until a thread has adopted the message. @throws HeapError `ERR_ROOT_DISPOSED`. */
  move(): HandleMessage {
    const slots = this.#handles.enter();
    if (!slots.isLive(this.#word, this.generation)) throw disposed();
    if (this.#keeper === undefined) this.#handles.unregister(this);
    return { type: "mallocgc.root", heap: this.heap, slot: this.slot, generation: slots.move(this.#word) };
  }

  /** Lets the object go. @throws HeapError `ERR_ROOT_DISPOSED` when that was done before. */
  [Symbol.dispose](): void {
    const slots = this.#handles.enter();
    if (!slots.isLive(this.#word, this.generation)) throw disposed();
    if (this.#keeper === undefined) this.#handles.unregister(this);
    slots.free(this.slot, this.#word);
  }

  /** The same, for who has no `using`. */
  dispose(): void {
    this[Symbol.dispose]();
  }
}

function disposed(): HeapError {
  return new HeapError("ERR_ROOT_DISPOSED", "this handle was disposed of, or moved to another thread: dispose of a handle once, and do not use it after");
}
