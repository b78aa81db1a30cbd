/**
 * The actors: threads that run a program drawn from the seed, and threads that only collect.
 *
 * A program goes from turn to turn. In a turn it has four variables for addresses, and does, in any order:
 *
 *     new            an object of some kind, its refs set to what the variables hold
 *     walk           from a shared root some fields deep into the graph: how objects get to other threads
 *     load, store    a field; the stamp of whatever is loaded is checked
 *     take, move     a field's value into a variable, and the field set to nil or to another: the variable is then the last path to the object.
 *                    Perhaps it then goes into another object
 *                    Sometimes by compare-and-set
 *     root           a shared root is set
 *     handles        made, read, disposed of
 *     weak refs      made; asked, by anybody, and then the object is there, or was not reachable
 *     churn          a few objects for nobody, one of them with a weak ref: spans are spent, swept, exchanged
 *     poll, safepoint, and the turn's end
 *
 * A collecting actor advances the cycle by some steps, or marks for one byte (one round of the kernel); and asks for a cycle now and then. Two of them are two
 * background workers: one drives, or both mark.
 */
import { ADVANCE_WORKED, CLAIMED, GcProcessor, GcRecord, PHASE_TERM, STEP_IDLE, STEP_NAMES, phaseOf } from "@mallocgc/gc";
import type { Ptr } from "@mallocgc/sysmem";
import { Fault, type Actor, type Random } from "./scheduler.ts";
import { PROFILES, type Profile } from "./scheduler-profiles.ts";
import { CHAIN, KINDS, POINTERS, type World } from "./scheduler-world.ts";
import { LOCALS, TurnActor, type Turn } from "./scheduler-turns.ts";
import type { TestP } from "./test-p.ts";

const G = GcRecord.offset;
const P = GcProcessor.offset;
const HANDLES = 3;
const WEAKS = 4;
/** Mean lengths of turns, in operations, and one in how many operations is a poll when the cycle waits for one: drawn for each turn. */
const TURNS = [3, 10, 40];
const POLLS = [1, 2, 6, 6, 20];
/** An unsuccessful look at a weak ref's object that takes longer waits for somebody. Its poll, which may hand back all spans and is not to be given up, takes less. */
const WEAK_ACCESSES = 5000;
/** Accesses within which somebody comes in between, in half of all looks at a weak ref: all depends on what happens in a few of them. */
const WEAK_WINDOW = 40;
/** Accesses and operations within which others may do something while a thread marks. */
const MARKING_WINDOW = 12;
const MARKING_BURST = 12;
const LARGE_KIND: number = KINDS.length - 1;

/** A handle: the number of its slot and the word of its ref. */
interface Slot {
  readonly slot: number;
  readonly word: Ptr;
}

/** A thread that runs a program of anything that programs do. */
export class ProgramActor extends TurnActor {
  private handles: Slot[] = [];

  override reset(): void {
    super.reset();
    this.handles = [];
  }

  get handleWords(): readonly number[] {
    return this.handles.map(({ word }) => word);
  }

  protected draw(random: Random): Turn {
    return { operations: random.around(TURNS[random.below(TURNS.length)]!), pollOneIn: POLLS[random.below(POLLS.length)]! };
  }

  protected operate(random: Random): void {
    const a = this.pickLocal(random);
    const b = random.below(LOCALS);
    const field = random.below(2) as 0 | 1;
    switch (random.below(18)) {
      case 0:
      case 1:
        this.grow(random, b, a);
        break;
      case 2:
      case 3:
        this.loadInto(a, field, b);
        break;
      case 4:
      case 5:
        this.storeInto(a, field, this.locals[b]!);
        break;
      case 6:
        this.take(a, field, b, this.locals[random.below(LOCALS)]!);
        break;
      case 7:
      case 8:
        this.move(random, a, field, b);
        break;
      case 9:
      case 10:
        this.walk(random, b);
        break;
      case 11:
        this.setRoot(random.below(this.world.rootsUsed), this.locals[a]!);
        break;
      case 12:
        this.handle(random, a);
        break;
      case 13:
      case 14:
      case 15:
        this.weak(random, a);
        break;
      case 16:
        this.churn(random);
        break;
      default:
        this.locals[b] = 0;
    }
  }

  /** A variable, if need be another than the first that comes to mind, to find one that holds something. */
  private pickLocal(random: Random): number {
    const first = random.below(LOCALS);
    for (let i = 0; i < LOCALS; i++) if (this.locals[(first + i) % LOCALS] !== 0) return (first + i) % LOCALS;
    return first;
  }

  /** A new object that leads to what two variables hold, in the place of one of them; perhaps others find it at once. */
  private grow(random: Random, a: number, b: number): void {
    const { world, p } = this;
    const addr = this.make(random.oneIn(60) ? LARGE_KIND : random.below(LARGE_KIND));
    const old = this.locals[a]!;
    this.locals[a] = addr;
    if (old !== 0) p.store(addr, 0, old);
    if (random.oneIn(2)) p.store(addr, 1, this.locals[b]!);
    if (random.oneIn(3)) this.setRoot(random.below(world.rootsUsed), addr);
  }

  private loadInto(a: number, field: 0 | 1, b: number): void {
    if (this.locals[a] !== 0) this.locals[b] = this.load(this.locals[a]!, field);
  }

  private storeInto(a: number, field: 0 | 1, value: number): void {
    if (this.locals[a] !== 0) this.store(this.locals[a]!, field, value);
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

  /** What is behind a.field goes into `b`, and from there into an object in another variable: nothing else leads to it any more, unless something did before. */
  private move(random: Random, a: number, field: 0 | 1, b: number): void {
    this.take(a, field, b, 0);
    if (this.locals[b] !== 0) this.storeInto(random.below(LOCALS), field, this.locals[b]!);
  }

  /** From a root some steps into the graph. */
  private walk(random: Random, a: number): void {
    const root = random.below(this.world.rootsUsed);
    let at = this.check(Atomics.load(this.p.mem, this.world.roots + root) >>> 0, "a root");
    for (let n = random.below(1 + random.below(CHAIN)); n > 0 && at !== 0; n--) {
      this.locals[a] = at;
      at = this.check(this.p.load(at, random.oneIn(6) ? 1 : 0), "a field");
    }
    if (at !== 0) this.locals[a] = at;
    this.world.scheduler.note(() => `from root ${root} to ${this.show(this.locals[a]!)}`);
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
    const which = random.below(WEAKS);
    const weak = weaks[which];
    if (random.oneIn(2)) scheduler.soon(WEAK_WINDOW);
    if (this.locals[a] !== 0 && (weak === undefined || random.oneIn(8))) {
      const id = world.idOf(this.locals[a]!);
      scheduler.note(() => `weak ref to ${id}`);
      weaks[which] = { handle: p.collector.specials.weakHandle(this.locals[a]!), id };
      return;
    }
    if (weak === undefined) return;
    const { handle, id } = weak;
    const { handles } = p.collector.specials;
    scheduler.mayWait(WEAK_ACCESSES);
    const now = p.collector.mutator.makeStrongFromWeak(handles.wordOf(handle));
    scheduler.note(() => `weak ref to ${id} = ${this.show(now)}`);
    if (now !== 0) {
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
    for (let i = 0; i < n; i++) {
      const addr = this.p.allocator.mallocTyped(KINDS[kind]!, POINTERS, this.world.types[kind]!);
      if (i > 0) continue;
      const id = this.world.nextId();
      this.world.stamp(addr, id);
      this.world.weaks[random.below(WEAKS)] = { handle: this.p.collector.specials.weakHandle(addr), id };
    }
  }

  private get slots(): TestP["collector"]["roots"]["handles"]["slots"] {
    return this.p.collector.roots.handles.slots;
  }
}

/** A thread that only collects. */
export class CollectingActor implements Actor {
  readonly name: string;
  readonly view: number;
  profile: Profile = PROFILES[0]!;
  private readonly world: World;
  private readonly p: TestP;
  private readonly turnWord: Ptr;
  /** When the cycle last had to wait for the programs: what they had done by then. */
  private waitingAt = -1;

  constructor(world: World, p: TestP) {
    this.world = world;
    this.p = p;
    this.view = world.ps.indexOf(p);
    this.name = `C${p.processorId}`;
    this.turnWord = (p.layers.processors.gcOf(p.processorId) + P.turn) as Ptr;
  }

  /** Not in TERM either: there Ps wait for the decision. */
  get mayBeSuspended(): boolean {
    const { mem, gc } = this.world;
    return !this.world.holdsLock(this.p) && phaseOf(mem[gc + G.phase]!) !== PHASE_TERM;
  }

  /** It sleeps while it waits for the programs. */
  get canRun(): boolean {
    return this.waitingAt !== this.world.programSteps && (this.world.mem[this.turnWord]! & CLAIMED) === 0;
  }

  reset(): void {
    this.waitingAt = -1;
  }

  step(random: Random): void {
    const { p, profile, world } = this;
    const { collector } = p;
    const { mem, gc } = world;
    if (mem[gc + G.step] === STEP_IDLE && random.oneIn(profile.requests)) collector.request();
    if (mem[gc + G.marking] === 0 || !random.oneIn(profile.marks)) {
      for (let n = random.around(2); n > 0; n--) {
        const { programSteps } = world;
        if (this.drive() === ADVANCE_WORKED) continue;
        this.waitingAt = programSteps;
        break;
      }
    } else {
      // While it has work in hand others may take marking for finished: a few operations would show that.
      if (random.oneIn(2)) world.scheduler.soon(MARKING_WINDOW, MARKING_BURST);
      const nbytes = collector.background.run(1);
      world.scheduler.note(() => `has marked ${nbytes} bytes`);
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
    if (mem[gc + G.step] !== step) scheduler.stir();
    return result;
  }
}
