/**
 * Queues of callbacks that are due, one per P: finalizers of objects found dead, cleanups of objects that are gone.
 *
 * Whoever sweeps appends, under the specials lock; only the owner takes out, at a turn's start, one at a time: it looks at the first (`peek`), which
 * stays first because others only append, roots its object in a handle of its own, and only then takes it out (`pop`). So the object of a
 * finalizer is a root at every moment from the sweep that revived it until its function has returned: first here, then there.
 *
 * A queue is taken over together with its P's record. What the thread before has left in it bears that thread's generation, and whoever
 * comes next drops it: the functions are gone with their thread.
 *
 * Nothing here goes through the write barrier while the lock is held: the barrier may poll, and a poll may sweep, which takes the lock.
 */
import { RANK_SPECIALS, addrOf, type Mutexes, type Ptr, type Region } from "@mallocgc/sysmem";
import { loadRef, type Barrier, type RootSource } from "./root-source.ts";
import { KIND_CANCELLED, KIND_CLEANUP, KIND_FINALIZER, Special, SpecialQueue, SpecialsState, type SpecialPtr } from "./specials-record.ts";

const { next: NEXT, kind: KIND, owner: OWNER, ref: REF } = Special.offset;
const { head: HEAD, tail: TAIL } = SpecialQueue.offset;
const { finalizersQueued: FINALIZERS_QUEUED, finalizersExecuted: FINALIZERS_EXECUTED, cleanupsQueued: CLEANUPS_QUEUED, cleanupsExecuted: CLEANUPS_EXECUTED } =
  SpecialsState.offset;
const WORDS = SpecialQueue.words;
const CANCELLED = KIND_CANCELLED;
const FINALIZER = KIND_FINALIZER;
const CLEANUP = KIND_CLEANUP;
const RANK = RANK_SPECIALS;
const NIL = 0 as SpecialPtr;

/** The queues of one region, as one thread sees them. */
export class SpecialQueues implements RootSource {
  private readonly mem: Int32Array;
  private readonly state: Ptr;
  private readonly base: Ptr;
  private readonly length: number;
  private readonly mutexes: Mutexes;
  private readonly barrier: Barrier;

  constructor(region: Region, state: Ptr, base: Ptr, length: number, mutexes: Mutexes, barrier: Barrier) {
    this.mem = region.i32;
    this.state = state;
    this.base = base;
    this.length = length;
    this.mutexes = mutexes;
    this.barrier = barrier;
  }

  /** Whether nothing is due for that P, by a plain read: what comes later is found later. */
  isEmpty(processorId: number): boolean {
    return this.mem[this.queueOf(processorId) + HEAD] === 0;
  }

  /** Appends a special to its owner's queue. It is on no list, and the caller holds the specials lock. */
  pushLocked(special: SpecialPtr): void {
    const mem = this.mem;
    this.mutexes.assertHeld(this.state);
    const queue = this.queueOf(mem[special + OWNER]! - 1);
    mem[special + NEXT] = 0;
    if (mem[queue + HEAD] === 0) mem[queue + HEAD] = special;
    else mem[mem[queue + TAIL]! + NEXT] = special;
    mem[queue + TAIL] = special;
    if (mem[special + KIND] === FINALIZER) this.countLocked(FINALIZERS_QUEUED);
    else if (mem[special + KIND] === CLEANUP) this.countLocked(CLEANUPS_QUEUED);
  }

  /** The first special that is due for that P, or 0. Owner only: it stays the first until the owner takes it out. */
  peek(processorId: number): SpecialPtr {
    const queue = this.queueOf(processorId);
    if (this.mem[queue + HEAD] === 0) return NIL;
    // The lock makes what the pusher wrote into the special visible.
    this.mutexes.lock(this.state, RANK);
    const special = this.mem[queue + HEAD]! as SpecialPtr;
    this.mutexes.unlock(this.state, RANK);
    return special;
  }

  /** The last special that is due for that P, or 0. Owner only. */
  last(processorId: number): SpecialPtr {
    const queue = this.queueOf(processorId);
    this.mutexes.lock(this.state, RANK);
    const special = (this.mem[queue + HEAD] === 0 ? 0 : this.mem[queue + TAIL]!) as SpecialPtr;
    this.mutexes.unlock(this.state, RANK);
    return special;
  }

  /** Takes the first special out; `executed` says that its function is about to be called. Owner only. The special is then the caller's to free. */
  pop(processorId: number, executed: boolean): void {
    const mem = this.mem;
    const queue = this.queueOf(processorId);
    this.mutexes.lock(this.state, RANK);
    const special = mem[queue + HEAD]!;
    mem[queue + HEAD] = mem[special + NEXT]!;
    if (executed) this.countLocked(mem[special + KIND] === FINALIZER ? FINALIZERS_EXECUTED : CLEANUPS_EXECUTED);
    this.mutexes.unlock(this.state, RANK);
    if (mem[special + REF] !== 0) this.barrier.storeRef(addrOf(special + REF), 0);
  }

  /** Makes a special one of which only the function is to be forgotten, and queues it. The caller holds the specials lock. */
  cancelLocked(special: SpecialPtr): void {
    this.mem[special + KIND] = CANCELLED;
    this.pushLocked(special);
  }

  /** The objects of finalizers that are due: while marking is under way nothing is swept, so none can be added. */
  ranges(): readonly (readonly [Ptr, number])[] {
    const mem = this.mem;
    const found: (readonly [Ptr, number])[] = [];
    for (let id = 0; id < this.length; id++) {
      const queue = this.queueOf(id);
      if (Atomics.load(mem, queue + HEAD) === 0) continue;
      this.mutexes.lock(this.state, RANK);
      for (let special = mem[queue + HEAD]!; special !== 0; special = mem[special + NEXT]!) {
        if (loadRef(mem, special + REF) !== 0) found.push([(special + REF) as Ptr, 1]);
      }
      this.mutexes.unlock(this.state, RANK);
    }
    return found;
  }

  private queueOf(processorId: number): Ptr {
    return (this.base + processorId * WORDS) as Ptr;
  }

  private countLocked(counter: number): void {
    this.mem[this.state + counter] = this.mem[this.state + counter]! + 1;
  }
}
