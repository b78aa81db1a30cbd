/**
 * Weak refs: they find an object as long as something else keeps it.
 *
 * All weak refs to one object look through the same handle in the region (specials-weak.ts of gc), and a thread has one `Weak` for each. So two weak
 * refs are equal exactly when they were made from the same object, in whatever thread; and they stay so when the object has died.
 *
 * Whether the object is alive the collector says (Mutator.makeStrongFromWeak of gc), and keeps it so in this turn.
 */
import { WeakHandle, type WeakHandlePtr, type WeakHandles } from "@mallocgc/gc";
import { HeapError, describeValue } from "../errors.ts";
import { Dropped } from "./dropped.ts";
import { exhausted, nonceOf, type RootHost, type RootValue } from "./root-host.ts";

const HANDLE_BYTES: number = WeakHandle.words * 4;

/** The object of a weak handle, alive in this turn; 0 when it has died. */
export function strongRef(host: RootHost, handle: WeakHandlePtr): number {
  return host.makeStrongFromWeak(host.specials.handles.wordOf(handle));
}

/** A weak ref of this thread. Made by `heap.weak`. */
export class Weak {
  /** A number that is the same, in all threads, for weak refs to the same object, and for no others. */
  readonly id: number;
  readonly #host: RootHost;
  readonly #handle: WeakHandlePtr;

  /** @internal */
  constructor(host: RootHost, handle: WeakHandlePtr) {
    this.id = host.specials.handles.id(handle);
    this.#host = host;
    this.#handle = handle;
  }

  /** The object's address, valid in this turn; 0 when it has died, or its finalizer is due. */
  get(): number {
    this.#host.enterTurn();
    return strongRef(this.#host, this.#handle);
  }

  /** Whether `other` was made from the same object, dead or alive. */
  equals(other: Weak): boolean {
    return other instanceof Weak && other.#handle === this.#handle && nonceOf(other.#host) === nonceOf(this.#host);
  }
}

/** The weak refs of one thread. */
export class Weaks {
  private readonly host: RootHost;
  private readonly handles: WeakHandles;
  private readonly weaks = new Map<WeakHandlePtr, WeakRef<Weak>>();
  private readonly dropped: Dropped<WeakHandlePtr> = new Dropped();

  constructor(host: RootHost) {
    this.host = host;
    this.handles = host.specials.handles;
  }

  /** The weak ref to an object: the same one, in one thread, as long as it is held. @throws HeapError `ERR_WEAK`; HeapExhaustedError. */
  weak(value: RootValue): Weak {
    this.host.enterTurn();
    const ref = typeof value === "object" && value !== null ? this.host.refOfView(value) : value;
    if (typeof ref !== "number" || ref >>> 0 !== ref || this.host.layers.pages.spanOf(ref) === 0) {
      throw new HeapError("ERR_WEAK", `a weak ref is made from the address of an object, or a view of it, not ${describeValue(value)}`);
    }
    const handle = this.host.specials.weakHandle(ref);
    if (handle === 0) throw exhausted(this.host, HANDLE_BYTES);
    const known = this.weaks.get(handle)?.deref();
    if (known !== undefined) {
      this.handles.release(handle);
      return known;
    }
    const weak = new Weak(this.host, handle);
    this.weaks.set(handle, new WeakRef(weak));
    this.dropped.watch(weak, handle);
    return weak;
  }

  /** Whether `releaseDropped` has something to do. */
  get hasDropped(): boolean {
    return this.dropped.any;
  }

  /** Gives back the handles of weak refs that were dropped. At a turn's start. */
  releaseDropped(): void {
    for (const handle of this.dropped.take()) {
      // The handle may have a new weak ref, which holds a ref of its own.
      if (this.weaks.get(handle)?.deref() === undefined) this.weaks.delete(handle);
      this.handles.release(handle);
    }
  }

  /** Gives back all handles: the thread leaves the heap. */
  releaseAll(): void {
    this.releaseDropped();
    for (const handle of this.weaks.keys()) this.handles.release(handle);
    this.weaks.clear();
  }
}
