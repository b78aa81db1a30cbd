/**
 * The actors: threads that run a program drawn from the seed, and threads that only collect.
 *
 * A program goes from turn to turn. In a turn it has four variables for addresses, and does, in any order:
 *
 *     new            an object of some kind, its refs set to what the variables hold
 *     load, store    a field, the stamp of what was loaded checked; now and then by compare-and-set
 *     take           a field's value into a variable, and the field set to nil or to another: the variable is then the last path to the object
 *     roots          a shared root read, set, cleared: how objects get to other threads
 *     handles        made, read, disposed of
 *     weak refs      made; asked, by anybody, and then the object is there, or was not reachable
 *     churn          a few objects for nobody: spans are spent, swept, exchanged
 *     poll, safepoint, and the turn's end
 *
 * A collecting actor advances the cycle by one step, marks for one byte (one round of the kernel), or sweeps one span; and asks for a cycle now and then. Two of them
 * are two background workers.
 */
import { CLAIMED, GcProcessor, GcRecord, IN_TURN, STEP_IDLE, STEP_NAMES } from "@mallocgc/gc";
import type { Ptr } from "@mallocgc/sysmem";
import { Fault, type Actor, type Random } from "./scheduler.ts";
import { KINDS, ROOTS, type Holder, type World } from "./scheduler-world.ts";
import type { TestP } from "./test-p.ts";

const G = GcRecord.offset;
const { turn: TURN } = GcProcessor.offset;
const LOCALS = 4;
const HANDLES = 3;
const WEAKS = 4;
/** An unsuccessful look at a weak ref's object that takes longer waits for somebody. */
const WEAK_ACCESSES = 400;
const LARGE_KIND: number = KINDS.length - 1;

/** A handle: the number of its slot and the word of its ref. */
interface Slot {
  readonly slot: number;
  readonly word: Ptr;
}

/** A thread that runs a program. */
export class ProgramActor implements Actor, Holder {
  readonly name: string;
  readonly view: number;
  readonly locals: number[] = [];
  private readonly world: World;
  private readonly p: TestP;
  private readonly turnWord: Ptr;
  private handles: Slot[] = [];
  private inTurn = false;

  constructor(world: World, p: TestP) {
    this.world = world;
    this.p = p;
    this.view = world.ps.indexOf(p);
    this.name = `P${p.processorId}`;
    this.turnWord = (p.layers.processors.gcOf(p.processorId) + TURN) as Ptr;
  }

  /** Nothing held, in no turn. */
  reset(): void {
    this.locals.length = 0;
    this.handles = [];
    this.inTurn = false;
  }

  get handleWords(): readonly number[] {
    return this.handles.map(({ word }) => word);
  }

  get mayBeSuspended(): boolean {
    return !this.world.holdsLock(this.p);
  }

  /** A P that the driver has claimed waits until it no longer is: here, until the driver goes on. */
  get canRun(): boolean {
    return this.inTurn || (this.world.mem[this.turnWord]! & (CLAIMED | IN_TURN)) === 0;
  }

  step(random: Random): void {
    if (!this.inTurn) this.enter();
    else this.operate(random);
  }

  /** Ends the turn, if it is in one. */
  end(): void {
    if (this.inTurn) this.leave();
  }

  /** Lets its handles go. In a turn or not. */
  disposeAll(): void {
    for (const { slot, word } of this.handles) this.slots.free(slot, word);
    this.handles = [];
  }

  private enter(): void {
    const { world } = this;
    world.scheduler.note(() => "enter");
    this.p.collector.mutator.enter();
    this.inTurn = true;
    for (let i = 0; i < LOCALS; i++) this.locals[i] = 0;
  }

  private leave(): void {
    this.world.scheduler.note(() => "leave");
    this.locals.length = 0;
    this.p.collector.mutator.leave();
    this.inTurn = false;
  }

  private operate(random: Random): void {
    const a = random.below(LOCALS);
    const b = random.below(LOCALS);
    const field = random.below(2) as 0 | 1;
    switch (random.below(16)) {
      case 0:
      case 1:
        return this.make(random, a, b);
      case 2:
      case 3:
        return this.load(a, field, b);
      case 4:
      case 5:
        return this.store(a, field, this.locals[b]!);
      case 6:
        return this.take(a, field, b, random.oneIn(2) ? 0 : this.locals[random.below(LOCALS)]!);
      case 7:
      case 8:
        return this.readRoot(random.below(ROOTS), a);
      case 9:
        return this.setRoot(random.below(ROOTS), random.oneIn(3) ? 0 : this.locals[a]!);
      case 10:
        return this.handle(random, a);
      case 11:
        return this.weak(random, a);
      case 12:
        return this.churn(random);
      case 13:
        return this.poll(random);
      case 14:
        this.locals[a] = 0;
        return undefined;
      default:
        return this.leave();
    }
  }

  private make(random: Random, a: number, b: number): void {
    const { world, p } = this;
    const kind = random.oneIn(40) ? LARGE_KIND : random.below(LARGE_KIND);
    const id = world.nextId();
    world.scheduler.note(() => `new ${id} of ${KINDS[kind]!} B`);
    const addr = p.allocator.mallocTyped(KINDS[kind]!, 0b0011, world.types[kind]!);
    world.stamp(addr, id);
    const old = this.locals[a]!;
    this.locals[a] = addr;
    if (old !== 0 && random.oneIn(2)) p.store(addr, 0, old);
    if (random.oneIn(2)) p.store(addr, 1, this.locals[b]!);
  }

  private load(a: number, field: 0 | 1, b: number): void {
    if (this.locals[a] === 0) return;
    const value = this.p.load(this.locals[a]!, field);
    this.world.scheduler.note(() => `load ${this.show(this.locals[a]!)}.${field} = ${this.show(value)}`);
    this.locals[b] = this.check(value, "a field");
  }

  private store(a: number, field: 0 | 1, value: number): void {
    const { world, p } = this;
    const addr = this.locals[a]!;
    if (addr === 0) return;
    world.scheduler.note(() => `store ${this.show(addr)}.${field} := ${this.show(value)}`);
    p.store(addr, field, value);
  }

  /** `b` := a.field, then a.field := value, as two steps or as one. */
  private take(a: number, field: 0 | 1, b: number, value: number): void {
    const { world, p } = this;
    const addr = this.locals[a]!;
    if (addr === 0 || a === b) return;
    const old = this.check(p.load(addr, field), "a field");
    this.locals[b] = old;
    world.scheduler.note(() => `take ${this.show(old)} from ${this.show(addr)}.${field}, := ${this.show(value)}`);
    if ((a & 1) === 0) p.store(addr, field, value);
    else p.collector.mutator.compareExchangeRef(addr + 4 * field, old, value);
  }

  private readRoot(i: number, a: number): void {
    const value = Atomics.load(this.p.mem, this.world.roots + i) >>> 0;
    this.world.scheduler.note(() => `root ${i} = ${this.show(value)}`);
    this.locals[a] = this.check(value, "a root");
  }

  private setRoot(i: number, value: number): void {
    this.world.scheduler.note(() => `root ${i} := ${this.show(value)}`);
    this.p.collector.mutator.storeRef((this.world.roots + i) * 4, value);
  }

  private handle(random: Random, a: number): void {
    const { handles, slots, world } = this;
    if (handles.length > 0 && random.oneIn(2)) {
      const ref = slots.refOf(handles[random.below(handles.length)]!.word);
      this.locals[a] = this.check(ref, "a handle");
      world.scheduler.note(() => `handle = ${this.show(ref)}`);
    } else if (handles.length === HANDLES || (handles.length > 0 && random.oneIn(2))) {
      const [{ slot, word }] = handles.splice(random.below(handles.length), 1) as [Slot];
      world.scheduler.note(() => "handle disposed of");
      slots.free(slot, word);
    } else if (this.locals[a] !== 0) {
      world.scheduler.note(() => `handle := ${this.show(this.locals[a]!)}`);
      const slot = slots.alloc(this.locals[a]!);
      handles.push({ slot, word: slots.wordOf(slot) });
    }
  }

  private weak(random: Random, a: number): void {
    const { world, p } = this;
    const { weaks, scheduler } = world;
    if (weaks.length < WEAKS && this.locals[a] !== 0) {
      const id = world.idOf(this.locals[a]!);
      scheduler.note(() => `weak ref to ${id}`);
      weaks.push({ handle: p.collector.specials.weakHandle(this.locals[a]!), id });
      return;
    }
    if (weaks.length === 0) return;
    const { handle, id } = weaks[random.below(weaks.length)]!;
    const { handles } = p.collector.specials;
    const addr = handles.value(handle);
    scheduler.mayWait(WEAK_ACCESSES);
    const alive = addr !== 0 && p.collector.mutator.reviveIfAlive(addr);
    const now = alive ? handles.value(handle) : 0;
    scheduler.note(() => `weak ref to ${id} = ${this.show(now)}`);
    if (now !== 0 && now === addr) {
      if (world.idOf(now) !== id) throw new Fault(`a weak ref to object ${id} gives ${now}, where it is no more`);
      this.locals[a] = now;
    } else if (world.reachable().has(id)) {
      throw new Fault(`a weak ref says that object ${id} is dead, but something leads to it`);
    }
  }

  private churn(random: Random): void {
    const kind = random.below(LARGE_KIND);
    const n = 1 + random.below(6);
    this.world.scheduler.note(() => `${n} objects of ${KINDS[kind]!} B for nobody`);
    for (let i = 0; i < n; i++) this.p.allocator.mallocTyped(KINDS[kind]!, 0b0011, this.world.types[kind]!);
  }

  private poll(random: Random): void {
    const { mutator } = this.p.collector;
    const safepoint = random.oneIn(3);
    this.world.scheduler.note(() => (safepoint ? "safepoint" : "poll"));
    if (safepoint) {
      this.locals.fill(0);
      mutator.safepoint();
    } else {
      mutator.poll();
    }
  }

  private check(addr: number, where: string): number {
    if (addr !== 0 && this.world.idOf(addr) === 0) throw new Fault(`${this.name} loads ${addr} from ${where}: the object there is gone`);
    return addr;
  }

  private show(addr: number): string {
    return addr === 0 ? "nil" : `${this.world.idOf(addr)}@${addr}`;
  }

  private get slots(): TestP["collector"]["roots"]["handles"]["slots"] {
    return this.p.collector.roots.handles.slots;
  }
}

/** A thread that only collects. */
export class CollectingActor implements Actor {
  readonly name: string;
  readonly view: number;
  private readonly world: World;
  private readonly p: TestP;
  private readonly turnWord: Ptr;

  constructor(world: World, p: TestP) {
    this.world = world;
    this.p = p;
    this.view = world.ps.indexOf(p);
    this.name = `C${p.processorId}`;
    this.turnWord = (p.layers.processors.gcOf(p.processorId) + TURN) as Ptr;
  }

  get mayBeSuspended(): boolean {
    return !this.world.holdsLock(this.p);
  }

  get canRun(): boolean {
    return (this.world.mem[this.turnWord]! & CLAIMED) === 0;
  }

  step(random: Random): void {
    const { p, world } = this;
    const { collector, layers } = p;
    const { mem, gc } = world;
    if (mem[gc + G.step] === STEP_IDLE && random.oneIn(3)) collector.request();
    switch (random.below(8)) {
      case 0: {
        const nbytes = collector.background.run(1);
        world.scheduler.note(() => `has marked ${nbytes} bytes`);
        break;
      }
      case 1: {
        const npages = layers.sweeper!.sweepOne();
        world.scheduler.note(() => `has swept ${npages} pages`);
        break;
      }
      default:
        this.drive();
    }
  }

  /** One step of the cycle, unless another thread drives it. What `advance` returned; -1 when another drives. */
  drive(): number {
    const { cycle } = this.p.collector;
    const { mem, gc, scheduler } = this.world;
    if (!cycle.tryDrive()) return -1;
    const step = mem[gc + G.step]!;
    const result = cycle.advance(1);
    scheduler.note(() => `drives from ${STEP_NAMES[step]!} to ${STEP_NAMES[mem[gc + G.step]!]!}`);
    cycle.stopDriving();
    return result;
  }
}
