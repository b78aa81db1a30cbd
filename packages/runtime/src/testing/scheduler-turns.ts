/**
 * A thread that runs a program: what all programs share, which is turns.
 *
 *     resting ──enter──► in a turn: operations, and a poll now and then when the cycle waits for one ──leave──► resting
 *
 * In a turn it has variables for addresses; what they hold is alive (scheduler-world.ts walks from them). What the operations are is for those that extend this:
 * scheduler-actors.ts has programs that do anything, scheduler-duels.ts those that are out for trouble.
 */
import { CLAIMED, GcProcessor, GcRecord, IN_TURN, STEP_GRACE } from "@mallocgc/gc";
import type { Ptr } from "@mallocgc/sysmem";
import { Fault, type Actor, type Random } from "./scheduler.ts";
import { KINDS, POINTERS, type Holder, type World } from "./scheduler-world.ts";
import type { TestP } from "./test-p.ts";

const G = GcRecord.offset;
const P = GcProcessor.offset;
/** Variables in a turn. */
export const LOCALS = 4;
/** One in so many polls ends a turn and begins the next. */
const SAFEPOINTS = 6;

/** How a turn goes: how many operations it has, and how often one of them is a poll when the cycle waits for one. */
export interface Turn {
  readonly operations: number;
  readonly pollOneIn: number;
}

/** A thread that goes from turn to turn. */
export abstract class TurnActor implements Actor, Holder {
  readonly name: string;
  readonly view: number;
  readonly locals: number[] = [];
  protected readonly world: World;
  protected readonly p: TestP;
  private readonly at: Ptr;
  protected inTurn = false;
  /** Operations left in this turn; and how often one of them is a poll. */
  private left = 0;
  private pollOneIn = 1;

  constructor(world: World, p: TestP) {
    this.world = world;
    this.p = p;
    this.view = world.ps.indexOf(p);
    this.name = `P${p.processorId}`;
    this.at = p.layers.processors.gcOf(p.processorId);
  }

  /** Word indexes of the refs of its handles. */
  abstract get handleWords(): readonly number[];

  /** Draws a turn. */
  protected abstract draw(random: Random): Turn;

  /** One operation in a turn. */
  protected abstract operate(random: Random): void;

  /** Nothing held, in no turn. */
  reset(): void {
    this.locals.length = 0;
    this.inTurn = false;
  }

  get mayBeSuspended(): boolean {
    return !this.world.holdsLock(this.p);
  }

  /** A P that the driver has claimed waits until it no longer is: here, until the driver goes on. */
  get canRun(): boolean {
    return this.inTurn || (this.world.mem[this.at + P.turn]! & (CLAIMED | IN_TURN)) === 0;
  }

  step(random: Random): void {
    this.world.programSteps++;
    if (!this.inTurn) this.enter(random);
    else if (this.awaitsGrace && !random.oneIn(3)) this.leave();
    else if (this.isAwaited && random.oneIn(this.pollOneIn)) this.poll(this.awaitsGrace || random.oneIn(SAFEPOINTS));
    else if (--this.left < 0) this.leave();
    else this.operate(random);
  }

  /** Polls if the cycle waits for this P; ends its turn, and begins another, if it waits for that. */
  answer(): void {
    if (this.inTurn && this.isAwaited) this.poll(this.awaitsGrace);
  }

  /** Ends the turn, if it is in one. */
  end(): void {
    if (this.inTurn) this.leave();
  }

  /** Whether the cycle waits for this P's poll, or for its turn's end. So that cycles go on in runs that are short, it does not wait long, on average. */
  protected get isAwaited(): boolean {
    const { mem, gc } = this.world;
    return mem[this.at + P.phaseSeen] !== mem[gc + G.phase] || mem[this.at + P.flushSeen] !== mem[gc + G.flushSeq] || this.awaitsGrace;
  }

  private get awaitsGrace(): boolean {
    const { mem, gc } = this.world;
    return mem[gc + G.step] === STEP_GRACE && mem[this.at + P.turn] === mem[this.at + P.graceTurn];
  }

  protected enter(random: Random): void {
    this.world.scheduler.note(() => "enter");
    const { operations, pollOneIn } = this.draw(random);
    this.left = operations;
    this.pollOneIn = pollOneIn;
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

  /** A poll, or one that ends the turn and begins the next. It comes late enough to notice whatever has been so up to here. */
  protected poll(safepoint: boolean): void {
    this.world.memory.order();
    const { mutator } = this.p.collector;
    this.world.scheduler.note(() => (safepoint ? "safepoint" : "poll"));
    if (safepoint) {
      this.locals.fill(0);
      mutator.safepoint();
    } else {
      mutator.poll();
    }
  }

  /** A new object of that kind. */
  protected make(kind: number): number {
    const { world, p } = this;
    const id = world.nextId();
    world.scheduler.note(() => `new ${id} of ${KINDS[kind]!} B`);
    const addr = p.allocator.mallocTyped(KINDS[kind]!, POINTERS, world.types[kind]!);
    world.stamp(addr, id);
    return addr;
  }

  /** What a field of the object at `addr` holds. */
  protected load(addr: number, field: 0 | 1): number {
    const value = this.p.load(addr, field);
    this.world.scheduler.note(() => `load ${this.show(addr)}.${field} = ${this.show(value)}`);
    return this.check(value, "a field");
  }

  protected store(addr: number, field: 0 | 1, value: number): void {
    this.world.scheduler.note(() => `store ${this.show(addr)}.${field} := ${this.show(value)}`);
    this.p.store(addr, field, value);
  }

  /** @throws Fault when there is no object at `addr`. */
  protected check(addr: number, where: string): number {
    if (addr !== 0 && this.world.idOf(addr) === 0) throw new Fault(`${this.name} loads ${addr} from ${where}: the object there is gone`);
    return addr;
  }

  protected show(addr: number): string {
    return addr === 0 ? "nil" : `${this.world.idOf(addr)}@${addr}`;
  }
}
