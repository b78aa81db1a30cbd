/**
 * Scopes: many roots, let go at once. `using s = heap.scope(); const a = s.root(ref);`
 *
 * A scope knows the slots of its handles, not the handles: it costs each of them nothing but two numbers, and no entry in the net that watches single
 * handles. Scopes nest by nature: what a scope has rooted ends with it, whatever others do. A handle may be disposed of earlier, or moved on.
 */
import { HeapError } from "../errors.ts";
import { Handle } from "./handle.ts";
import type { Handles } from "./handles.ts";
import { refOf, type RootValue } from "./root-host.ts";

/** A set of roots of this thread. Made by `heap.scope`. */
export class Scope {
  readonly #handles: Handles;
  /** Slot, generation, slot, generation ... */
  readonly #slots: number[];
  #ended = false;

  /** @internal `slots` is shared with the net, which frees them if the scope is dropped. */
  constructor(handles: Handles, slots: number[]) {
    this.#handles = handles;
    this.#slots = slots;
  }

  /** A handle that is disposed of when the scope ends, or before. @throws HeapError `ERR_ROOT`; `ERR_ROOT_DISPOSED` when the scope has ended. */
  root(value: RootValue): Handle {
    if (this.#ended) throw ended();
    const slots = this.#handles.enter();
    const handle = new Handle(this.#handles, slots.alloc(refOf(this.#handles.host, value)), this);
    this.#slots.push(handle.slot, handle.generation);
    return handle;
  }

  /** Whether the scope has ended. */
  get disposed(): boolean {
    return this.#ended;
  }

  /** Lets go of all that was rooted through this scope. @throws HeapError `ERR_ROOT_DISPOSED` when that was done before. */
  [Symbol.dispose](): void {
    if (this.#ended) throw ended();
    const slots = this.#handles.enter();
    this.#ended = true;
    this.#handles.unregister(this);
    // Last made, first let go: so the next slots handed out are those that are in the processor's cache.
    for (let i = this.#slots.length - 2; i >= 0; i -= 2) {
      const slot = this.#slots[i]!;
      const word = slots.wordOf(slot);
      if (slots.isLive(word, this.#slots[i + 1]!)) slots.free(slot, word);
    }
    this.#slots.length = 0;
  }

  /** The same, for who has no `using`. */
  dispose(): void {
    this[Symbol.dispose]();
  }
}

function ended(): HeapError {
  return new HeapError("ERR_ROOT_DISPOSED", "this scope has ended: root what you need longer in one around it, or with heap.root");
}
