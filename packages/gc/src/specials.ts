/**
 * Specials: finalizers, cleanups, weak handles and profile samples of objects, and what the sweep does with those of dead objects.
 *
 * Records and lists are told in specials-record.ts. All lists are guarded by the one lock `specials`; a sweep that finds a span without specials
 * does not take it. Go's rules, for an object that the sweep finds unmarked:
 *
 *     with a finalizer     it lives once more: it is marked, its finalizer is queued and its weak handle cleared; its cleanups and its sample stay.
 *                          So a weak ref never sees an object whose finalizer runs, and a cleanup runs only when the object is really gone.
 *     without              its cleanups are queued, its weak handle is cleared, its end is counted in the heap profile.
 *
 * Finalizers run in dependency order because of what is marked: before marking, whatever an object with a finalizer reaches is marked, but
 * not the object itself (`forEachFinalizer`). So if A with a finalizer points to B with one, B stays marked until A's has run; and a circle
 * of them keeps itself alive for ever, as in Go. A finalizer that is set while marking is under way may come after that step; then the object
 * is shaded, which marks the same and the object too, for this one cycle.
 *
 * A special whose owner has left the heap is as good as none: its object is not revived, its record is freed.
 *
 * In a by-hand heap only samples are there, and `takeProfile` is what a free does with one.
 *
 * An address may point into an object: the special is then that of the place (as in Go, weak refs to two places of one object are two),
 * and dies with the object. In a span that holds tiny objects they die with their block.
 */
import type { Heap as PageHeap } from "@mallocgc/mheap";
import { MSpan, type SpanPtr, type Spans } from "@mallocgc/mspan";
import { FixAlloc, RANK_HEAP, RANK_SPECIALS, type Mutexes, type Ptr, type Region, type TableSpec } from "@mallocgc/sysmem";
import type { Barrier } from "./root-source.ts";
import { SpecialQueues } from "./specials-queue.ts";
import { KIND_CLEANUP, KIND_FINALIZER, KIND_PROFILE, KIND_WEAK_HANDLE, Special, SpecialQueue, SpecialsState, type SpecialPtr, type WeakHandlePtr } from "./specials-record.ts";
import { WeakHandles } from "./specials-weak.ts";

const { startAddr: START_ADDR, specials: SPECIALS, sampled: SAMPLED, elemSize: ELEM_SIZE } = MSpan.offset;
const {
  next: NEXT, span: SPAN, offset: OFFSET, kind: KIND, owner: OWNER, generation: GENERATION, id: ID, ref: REF, handle: HANDLE,
  nextFinalizer: NEXT_FINALIZER, prevFinalizer: PREV_FINALIZER, bucket: BUCKET,
} = Special.offset;
const { finalizers: FINALIZERS, weakIds: WEAK_IDS, specials: FIXALLOC, handles: HANDLES, finalizersQueued: FINALIZERS_QUEUED, finalizersExecuted: FINALIZERS_EXECUTED,
  cleanupsQueued: CLEANUPS_QUEUED, cleanupsExecuted: CLEANUPS_EXECUTED } = SpecialsState.offset;
const FINALIZER = KIND_FINALIZER;
const WEAK = KIND_WEAK_HANDLE;
const PROFILE = KIND_PROFILE;
const CLEANUP = KIND_CLEANUP;
const RANK = RANK_SPECIALS;
const HEAP_RANK = RANK_HEAP;
const NIL = 0 as SpecialPtr;

/** Returned instead of a special: the object has one of that kind already. */
export const SPECIAL_TAKEN: SpecialPtr = -1 as SpecialPtr;

/** Which slots of a span under sweep are alive: marked, or allocated since the marking. Asked and told under the specials lock. */
export interface SlotMarks {
  isMarked(slot: number): boolean;
  /** The object is revived: the sweep must treat it as marked. */
  setMarked(slot: number): void;
}

/** Knows which threads are attached. */
export interface SpecialOwners {
  /** Whether the thread that was P `processorId` in its generation `generation` still is. */
  isOwner(processorId: number, generation: number): boolean;
}

/** Where sampled objects are counted: the heap profile's buckets. `countFree` is called under the specials lock. */
export interface SampleCounts {
  /** An object of `bytes` was sampled and belongs to that bucket. */
  countAlloc(bucket: Ptr, bytes: number): void;
  /** It is dead. */
  countFree(bucket: Ptr, bytes: number): void;
}

/** What became due and what was run, since the heap was made. */
export interface SpecialCounts {
  readonly finalizersQueued: number;
  readonly finalizersExecuted: number;
  readonly cleanupsQueued: number;
  readonly cleanupsExecuted: number;
}

/** The specials of one region, as one thread sees them. */
export class Specials {
  readonly handles: WeakHandles;
  readonly queues: SpecialQueues;
  private readonly mem: Int32Array;
  private readonly state: Ptr;
  private readonly mutexes: Mutexes;
  private readonly spans: Spans;
  private readonly pages: PageHeap;
  private readonly owners: SpecialOwners;
  private readonly barrier: Barrier;
  private readonly fixalloc: FixAlloc;
  private readonly profile: SampleCounts | undefined;

  /**
   * `state` and `queues` are the places of the tables that `Specials.tables` declares, `maxThreads` what it was given. Without `profile` there must be no samples.
   */
  constructor(
    region: Region, state: Ptr, queues: Ptr, maxThreads: number, mutexes: Mutexes, spans: Spans, pages: PageHeap, owners: SpecialOwners, barrier: Barrier, profile?: SampleCounts,
  ) {
    this.mem = region.i32;
    this.state = state;
    this.mutexes = mutexes;
    this.spans = spans;
    this.pages = pages;
    this.owners = owners;
    this.barrier = barrier;
    this.profile = profile;
    this.fixalloc = new FixAlloc(region, (state + FIXALLOC) as Ptr, pages.persistent, { words: Special.words, zero: true });
    this.handles = new WeakHandles(region, (state + HANDLES) as Ptr, mutexes, pages);
    this.queues = new SpecialQueues(region, state, queues, maxThreads, mutexes, barrier);
  }

  /** The tables of this concept: the shared state, and a queue per P. */
  static tables(maxThreads: number): TableSpec[] {
    return [
      { name: "specials", bytes: SpecialsState.words * 4, align: 64, doc: "finalizers, cleanups, weak handles, profile samples: lock, lists, fixallocs, counters" },
      { name: "specials.queues", bytes: maxThreads * SpecialQueue.words * 4, align: 64, doc: "callbacks that are due, per P" },
    ];
  }

  /**
   * Gives the object at `addr` a finalizer: function `id` of that thread. Returns the special, 0 when the region is full, or
   * {@link SPECIAL_TAKEN} when the object has one already.
   */
  setFinalizer(addr: number, processorId: number, generation: number, id: number): SpecialPtr {
    const special = this.add(addr, FINALIZER, processorId, generation, id);
    // After the insertion: either this sees the barrier on, or the driver, which looks at the list after it is, finds the special.
    if (special > 0 && (this.barrier.phase() & 1) === 1) this.barrier.shade(addr);
    return special;
  }

  /** Takes the finalizer of the object at `addr` away; its owner forgets the function at its next turn. False when there is none. */
  removeFinalizer(addr: number): boolean {
    const s = this.pages.spanOf(addr);
    if (s === 0) return false;
    this.mutexes.lock(this.state, RANK);
    const link = this.findLocked(s, addr - this.spans.base(s), FINALIZER);
    const special = this.mem[link]! as SpecialPtr;
    const found = special !== 0 && this.isAt(special, addr - this.spans.base(s), FINALIZER);
    let gone = false;
    if (found) {
      this.unlinkLocked(link, special);
      gone = !this.isOwned(special);
      if (!gone) this.queues.cancelLocked(special);
    }
    this.mutexes.unlock(this.state, RANK);
    if (gone) this.free(special);
    return found;
  }

  /** Adds a cleanup to the object at `addr`: function `id` of that thread. Returns the special, or 0 when the region is full. */
  addCleanup(addr: number, processorId: number, generation: number, id: number): SpecialPtr {
    return this.add(addr, CLEANUP, processorId, generation, id);
  }

  /** Takes a cleanup away that is not due yet. False when there is none such: the object has died, or it was taken away before. */
  removeCleanup(addr: number, processorId: number, generation: number, id: number): boolean {
    const mem = this.mem;
    // The object may have died and the address be another's, or nobody's: what identifies the special is its owner and id.
    const s = this.pages.spanOf(addr);
    if (s === 0) return false;
    const offset = addr - this.spans.base(s);
    this.mutexes.lock(this.state, RANK);
    let link: number = this.findLocked(s, offset, CLEANUP);
    let special = mem[link]! as SpecialPtr;
    while (special !== 0 && this.isAt(special, offset, CLEANUP) && !(mem[special + ID] === id && this.isOf(special, processorId, generation))) {
      link = special + NEXT;
      special = mem[link]! as SpecialPtr;
    }
    const found = special !== 0 && this.isAt(special, offset, CLEANUP);
    if (found) this.unlinkLocked(link, special);
    this.mutexes.unlock(this.state, RANK);
    if (found) this.free(special);
    return found;
  }

  /** The weak handle of the object at `addr`, which the caller keeps alive, with one ref for the caller; 0 when the region is full. */
  weakHandle(addr: number): WeakHandlePtr {
    const mem = this.mem;
    const s = this.pages.spanOf(addr);
    const offset = addr - this.spans.base(s);
    this.mutexes.lock(this.state, RANK);
    const link = this.findLocked(s, offset, WEAK);
    let special = mem[link]! as SpecialPtr;
    let handle: WeakHandlePtr;
    if (special !== 0 && this.isAt(special, offset, WEAK)) {
      handle = mem[special + HANDLE]! as WeakHandlePtr;
      this.handles.retain(handle);
    } else {
      special = this.make(s, offset, WEAK, 0, 0, 0);
      handle = special === 0 ? (0 as WeakHandlePtr) : this.handles.make(addr, this.nextWeakIdLocked());
      if (handle !== 0) {
        mem[special + HANDLE] = handle;
        this.linkLocked(link, special);
      }
    }
    this.mutexes.unlock(this.state, RANK);
    if (handle === 0 && special !== 0) this.free(special);
    return handle;
  }

  /**
   * Counts the object in the slot at `addr` of span `s`, which the caller has just allocated, in a bucket of the heap profile, and has its end counted there. False,
   * and nothing is counted, when the region is full. (A thread that dies on the way leaves an object counted that never ends, not an end without an object.)
   */
  addProfile(s: SpanPtr, addr: number, bucket: Ptr): boolean {
    const offset = addr - this.spans.base(s);
    const special = this.make(s, offset, PROFILE, 0, 0, 0);
    if (special === 0) return false;
    this.mem[special + BUCKET] = bucket;
    this.profile!.countAlloc(bucket, this.spans.elemSize(s));
    this.mutexes.lock(this.state, RANK);
    this.linkLocked(this.findLocked(s, offset, PROFILE), special);
    // Whoever frees the object has got its address after this.
    this.mem[s + SAMPLED] = this.mem[s + SAMPLED]! | this.sampledBit(s, special);
    this.mutexes.unlock(this.state, RANK);
    return true;
  }

  /**
   * The object in that slot is about to be freed by hand: counts its end, if it was sampled. Before its slot can be handed out again, so that whoever samples the
   * next object there finds the place free. Of two threads that free one object, one finds the sample.
   */
  takeProfile(s: SpanPtr, slot: number): void {
    const mem = this.mem;
    const bytes = this.spans.elemSize(s);
    this.mutexes.lock(this.state, RANK);
    const link = this.findLocked(s, slot * bytes, PROFILE);
    const special = mem[link]! as SpecialPtr;
    const found = special !== 0 && this.isAt(special, slot * bytes, PROFILE);
    if (found) {
      this.unlinkLocked(link, special);
      let sampled = 0;
      for (let other = mem[s + SPECIALS]! as SpecialPtr; other !== 0; other = mem[other + NEXT]! as SpecialPtr) sampled |= this.sampledBit(s, other);
      mem[s + SAMPLED] = sampled;
      this.profile!.countFree(mem[special + BUCKET]! as Ptr, bytes);
    }
    this.mutexes.unlock(this.state, RANK);
    if (found) this.free(special);
  }

  /** Calls `visit` with the address of every object that has a finalizer which is not due: marking starts from what these reach. */
  forEachFinalizer(visit: (addr: number) => void): void {
    const mem = this.mem;
    const found: number[] = [];
    this.mutexes.lock(this.state, RANK);
    for (let special = mem[this.state + FINALIZERS]! as SpecialPtr; special !== 0; special = mem[special + NEXT_FINALIZER]! as SpecialPtr) {
      found.push(this.addrOf(special));
    }
    this.mutexes.unlock(this.state, RANK);
    // Outside the lock, since marking may take long. Nothing is swept meanwhile, so none of the objects can go.
    for (const addr of found) visit(addr);
  }

  /** Whether the span has specials. */
  hasSpecials(s: SpanPtr): boolean {
    return Atomics.load(this.mem, s + SPECIALS) !== 0;
  }

  /**
   * The part of sweeping `s` that concerns specials: before the dead slots are determined, since objects can be revived. The caller has
   * the span for sweeping, and holds no lock. Returns whether specials are left: then the span keeps its pages.
   */
  sweep(s: SpanPtr, marks: SlotMarks): boolean {
    const mem = this.mem;
    if (Atomics.load(mem, s + SPECIALS) === 0) return false;
    this.mutexes.lock(this.state, RANK);
    let link = s + SPECIALS;
    for (let special = mem[link]! as SpecialPtr; special !== 0; special = mem[link]! as SpecialPtr) {
      const slot = this.spans.slotOf(s, this.addrOf(special));
      if (marks.isMarked(slot)) {
        link = special + NEXT;
        continue;
      }
      const end = (slot + 1) * (mem[s + ELEM_SIZE]! >>> 0);
      const revived = this.hasFinalizerLocked(special, end);
      if (revived) marks.setMarked(slot);
      link = this.processLocked(link, end, revived);
    }
    const left = mem[s + SPECIALS] !== 0;
    this.mutexes.unlock(this.state, RANK);
    return left;
  }

  /** What became due and what was run. */
  counts(): SpecialCounts {
    const read = (field: number): number => Atomics.load(this.mem, this.state + field) >>> 0;
    return { finalizersQueued: read(FINALIZERS_QUEUED), finalizersExecuted: read(FINALIZERS_EXECUTED), cleanupsQueued: read(CLEANUPS_QUEUED), cleanupsExecuted: read(CLEANUPS_EXECUTED) };
  }

  /** Specials that exist, due ones included. */
  get count(): number {
    return this.fixalloc.inUse / (Special.words * 4);
  }

  /** A special's kind, function number, generation and object: what its owner needs to run it. */
  kindOf(special: SpecialPtr): number {
    return this.mem[special + KIND]!;
  }
  idOf(special: SpecialPtr): number {
    return this.mem[special + ID]!;
  }
  generationOf(special: SpecialPtr): number {
    return this.mem[special + GENERATION]!;
  }
  refOf(special: SpecialPtr): number {
    return Atomics.load(this.mem, special + REF) >>> 0;
  }

  /** The first of all finalizers that are not due. */
  get firstFinalizer(): SpecialPtr {
    return this.mem[this.state + FINALIZERS]! as SpecialPtr;
  }

  /** Gives back a special that is on no list. Takes the heap lock. */
  free(special: SpecialPtr): void {
    this.mutexes.lock(this.pages.lockWord, HEAP_RANK);
    this.fixalloc.free(special);
    this.mutexes.unlock(this.pages.lockWord, HEAP_RANK);
  }

  private add(addr: number, kind: number, processorId: number, generation: number, id: number): SpecialPtr {
    const s = this.pages.spanOf(addr);
    const offset = addr - this.spans.base(s);
    const special = this.make(s, offset, kind, processorId + 1, generation, id);
    if (special === 0) return NIL;
    this.mutexes.lock(this.state, RANK);
    const link = this.findLocked(s, offset, kind);
    const there = this.mem[link]! as SpecialPtr;
    let taken = there !== 0 && kind !== CLEANUP && this.isAt(there, offset, kind);
    let stale = NIL;
    // One whose owner has left is as good as none.
    if (taken && !this.isOwned(there)) {
      this.unlinkLocked(link, there);
      stale = there;
      taken = false;
    }
    if (!taken) this.linkLocked(link, special);
    this.mutexes.unlock(this.state, RANK);
    if (stale !== 0) this.free(stale);
    if (taken) this.free(special);
    return taken ? SPECIAL_TAKEN : special;
  }

  /** A special filled in and on no list; 0 when the region is full. Takes the heap lock. */
  private make(s: SpanPtr, offset: number, kind: number, owner: number, generation: number, id: number): SpecialPtr {
    const mem = this.mem;
    this.mutexes.lock(this.pages.lockWord, HEAP_RANK);
    const special = this.fixalloc.alloc() as SpecialPtr;
    this.mutexes.unlock(this.pages.lockWord, HEAP_RANK);
    if (special === 0) return NIL;
    mem[special + SPAN] = s;
    mem[special + OFFSET] = offset;
    mem[special + KIND] = kind;
    mem[special + OWNER] = owner;
    mem[special + GENERATION] = generation;
    mem[special + ID] = id;
    return special;
  }

  /** The word that leads to the first special of the span that does not come before (offset, kind), or to the end. */
  private findLocked(s: SpanPtr, offset: number, kind: number): number {
    const mem = this.mem;
    let link = s + SPECIALS;
    for (let special = mem[link]! as SpecialPtr; special !== 0 && this.isBefore(special, offset, kind); special = mem[link]! as SpecialPtr) link = special + NEXT;
    return link;
  }

  private linkLocked(link: number, special: SpecialPtr): void {
    const mem = this.mem;
    mem[special + NEXT] = mem[link]!;
    // Pairs with the load in hasSpecials and sweep, which decide without the lock whether there is anything to do.
    Atomics.store(mem, link, special);
    if (mem[special + KIND] !== FINALIZER) return;
    const first = mem[this.state + FINALIZERS]!;
    mem[special + NEXT_FINALIZER] = first;
    mem[special + PREV_FINALIZER] = 0;
    if (first !== 0) mem[first + PREV_FINALIZER] = special;
    mem[this.state + FINALIZERS] = special;
  }

  private unlinkLocked(link: number, special: SpecialPtr): void {
    const mem = this.mem;
    Atomics.store(mem, link, mem[special + NEXT]!);
    if (mem[special + KIND] !== FINALIZER) return;
    const next = mem[special + NEXT_FINALIZER]!;
    const prev = mem[special + PREV_FINALIZER]!;
    if (next !== 0) mem[next + PREV_FINALIZER] = prev;
    if (prev !== 0) mem[prev + NEXT_FINALIZER] = next;
    else mem[this.state + FINALIZERS] = next;
  }

  /** Whether the dead object whose specials start with `special` and end before `end` has a finalizer that can run. */
  private hasFinalizerLocked(special: SpecialPtr, end: number): boolean {
    const mem = this.mem;
    for (; special !== 0 && mem[special + OFFSET]! >>> 0 < end; special = mem[special + NEXT]! as SpecialPtr) {
      if (mem[special + KIND] === FINALIZER && this.isOwned(special)) return true;
    }
    return false;
  }

  /** Does what is due for the specials of one dead object, those from `link` on and before `end`. Returns the word that leads on. */
  private processLocked(link: number, end: number, revived: boolean): number {
    const mem = this.mem;
    for (let special = mem[link]! as SpecialPtr; special !== 0 && mem[special + OFFSET]! >>> 0 < end; special = mem[link]! as SpecialPtr) {
      const kind = mem[special + KIND]!;
      if (revived && (kind === CLEANUP || kind === PROFILE)) {
        link = special + NEXT;
        continue;
      }
      this.unlinkLocked(link, special);
      if (kind === WEAK) {
        const handle = mem[special + HANDLE]! as WeakHandlePtr;
        this.handles.clear(handle);
        this.handles.release(handle);
        this.free(special);
      } else if (kind === PROFILE) {
        this.profile!.countFree(mem[special + BUCKET]! as Ptr, mem[mem[special + SPAN]! + ELEM_SIZE]! >>> 0);
        this.free(special);
      } else if (this.isOwned(special)) {
        // The barrier is off while spans are swept, so the root needs no shade; the lock publishes it.
        if (kind === FINALIZER) Atomics.store(mem, special + REF, this.addrOf(special));
        this.queues.pushLocked(special);
      } else {
        this.free(special);
      }
    }
    return link;
  }

  private sampledBit(s: SpanPtr, special: SpecialPtr): number {
    return 1 << (this.spans.slotOf(s, this.addrOf(special)) & 31);
  }

  private nextWeakIdLocked(): number {
    const id = (this.mem[this.state + WEAK_IDS]! + 1) | 0;
    this.mem[this.state + WEAK_IDS] = id;
    return id;
  }

  private addrOf(special: SpecialPtr): number {
    return (this.mem[this.mem[special + SPAN]! + START_ADDR]! + this.mem[special + OFFSET]!) >>> 0;
  }

  private isBefore(special: SpecialPtr, offset: number, kind: number): boolean {
    const its = this.mem[special + OFFSET]! >>> 0;
    return its < offset || (its === offset && this.mem[special + KIND]! < kind);
  }

  private isAt(special: SpecialPtr, offset: number, kind: number): boolean {
    return this.mem[special + OFFSET]! >>> 0 === offset && this.mem[special + KIND] === kind;
  }

  private isOf(special: SpecialPtr, processorId: number, generation: number): boolean {
    return this.mem[special + OWNER] === processorId + 1 && this.mem[special + GENERATION] === generation;
  }

  private isOwned(special: SpecialPtr): boolean {
    return this.owners.isOwner(this.mem[special + OWNER]! - 1, this.mem[special + GENERATION]!);
  }
}
