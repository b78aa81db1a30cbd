/**
 * One thread's handles: making them, adopting them, and the net beneath them.
 *
 * A handle that is dropped without being disposed of would keep its object for ever. As a net, such slots are noted (dropped.ts); the thread
 * frees them at its next turn's start, and reports each (`onLeak`). It is a net, not a way: engines collect when they like.
 */
import { HeapError, describeValue } from "../errors.ts";
import { Dropped } from "./dropped.ts";
import { Handle, type HandleMessage } from "./handle.ts";
import { nonceOf, refOf, type RootHost, type RootValue } from "./root-host.ts";
import { RootSlots, isInUse, isMoved } from "./root-slots.ts";
import { Scope } from "./scope.ts";

/** Slots that something held, for the net. */
interface Held {
  readonly what: "handle" | "scope";
  /** Slot, generation, slot, generation ... */
  readonly slots: readonly number[];
  readonly where: string | undefined;
}

/** The handles of one thread. */
export class Handles {
  readonly host: RootHost;
  readonly slots: RootSlots;
  /** The random number of this heap. */
  readonly nonce: number;
  private readonly dropped: Dropped<Held> = new Dropped();

  constructor(host: RootHost) {
    this.host = host;
    this.slots = new RootSlots(host);
    this.nonce = nonceOf(host);
  }

  /** A handle for the object that `value` means. @throws HeapError `ERR_ROOT`; HeapExhaustedError. */
  root(value: RootValue): Handle {
    const slots = this.enter();
    return this.register(new Handle(this, slots.alloc(refOf(this.host, value)), undefined));
  }

  /** A scope: what is rooted through it is let go when it ends. */
  scope(): Scope {
    this.enter();
    const slots: number[] = [];
    const scope = new Scope(this, slots);
    this.dropped.watch(scope, { what: "scope", slots, where: this.where() });
    return scope;
  }

  /**
   * A handle of this thread for the object of a handle, or of a `move()`, that arrived from another thread.
   *
   * @throws HeapError `ERR_ROOT_HANDLE` when it is no such message, or one of another heap; `ERR_ROOT_DISPOSED` when the handle was disposed of
   * meanwhile, or another thread has adopted the move.
   */
  adopt(message: unknown): Handle {
    const slots = this.enter();
    const { slot, generation } = this.checkMessage(message);
    const word = slots.wordOf(slot);
    const ref = slots.read(word, generation);
    if (ref < 0) throw gone();
    // First a root of our own, then an end to the other.
    const own = slots.alloc(ref);
    if (isMoved(generation) && !slots.take(slot, word, generation)) {
      slots.free(own, slots.wordOf(own));
      throw gone();
    }
    return this.register(new Handle(this, own, undefined));
  }

  /** Whether `releaseDropped` has something to do. */
  get hasDropped(): boolean {
    return this.dropped.any;
  }

  /** Frees what was dropped without being disposed of, and reports it. At a turn's start. */
  releaseDropped(): void {
    for (const held of this.dropped.take()) {
      let leaked = 0;
      for (let i = 0; i < held.slots.length; i += 2) {
        const word = this.slots.wordOf(held.slots[i]!);
        if (!this.slots.isLive(word, held.slots[i + 1]!)) continue;
        this.slots.free(held.slots[i]!, word);
        leaked++;
      }
      if (leaked > 0) this.host.onLeak({ what: held.what, where: held.where });
    }
  }

  /** Enters a turn. */
  enter(): RootSlots {
    this.host.enterTurn();
    return this.slots;
  }

  /** @internal The net no longer watches this one. */
  unregister(watched: object): void {
    this.dropped.unwatch(watched);
  }

  private register(handle: Handle): Handle {
    this.dropped.watch(handle, { what: "handle", slots: [handle.slot, handle.generation], where: this.where() });
    return handle;
  }

  private where(): string | undefined {
    return this.host.checks ? new Error("made here").stack : undefined;
  }

  private checkMessage(message: unknown): HandleMessage {
    const m = message as Partial<HandleMessage> | null | undefined;
    if (typeof m !== "object" || m === null || m.type !== "mallocgc.root") {
      throw new HeapError("ERR_ROOT_HANDLE", `adopt takes a handle as it arrived from another thread, not ${describeValue(message)}`);
    }
    if (m.heap !== this.nonce) throw new HeapError("ERR_ROOT_HANDLE", "the handle is of another heap: adopt it with the heap that it was made by");
    const { slot, generation } = m;
    if (typeof slot !== "number" || slot >>> 0 !== slot || !this.slots.exists(slot) || typeof generation !== "number" || (generation | 0) !== generation || !isInUse(generation)) {
      throw new HeapError("ERR_ROOT_HANDLE", `the message is no handle: there is no slot ${describeValue(slot)} of generation ${describeValue(generation)}`);
    }
    return { type: "mallocgc.root", heap: this.nonce, slot, generation };
  }
}

function gone(): HeapError {
  return new HeapError(
    "ERR_ROOT_DISPOSED",
    "the handle was disposed of before this thread adopted it, or another thread took it: keep it until then, or send handle.move(), to one thread",
  );
}
