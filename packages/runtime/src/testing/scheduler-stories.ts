/**
 * An interleaving told step by step, on the real code: why there is a phase ARM. The seeds find it too (scheduler-duels.ts); told, it does not depend on their luck.
 *
 *     second        first                    driver
 *     enter; new w                           a cycle begins: ARM, or without it MARK
 *                   enter; new n; spot := n
 *     n.0 := w      .                        .                        it still finds the barrier off: nobody shades w
 *     leave         leave                    MARK, grace, roots, not yet the spot
 *                   enter; takes n; spot := nil                       n is shaded, and left out, if it is new
 *                   polls                    drain, TERM, SWEEP
 *
 * Without ARM the first P is black when it makes n: n is new, is not marked when it is shaded, and so never scanned; w is swept, although n leads to it. With ARM nobody is black before all
 * shade, n is as white as w, and marked and scanned when it is taken.
 */
import { GcRecord, STEP_DRAIN, STEP_IDLE } from "@mallocgc/gc";
import { CHAIN, KINDS, POINTERS, World, type Holder } from "./scheduler-world.ts";
import { Fault, type Actor } from "./scheduler.ts";
import type { Profile } from "./scheduler-profiles.ts";
import type { TestP } from "./test-p.ts";

const G = GcRecord.offset;
const KIND = 0;
/** Steps in which a cycle is over, at the most. */
const MAX_STEPS = 200;
/** Every plain read that may be old is. */
const OLD: Profile = { name: "told", cast: "duel", operations: [1, 1], bursts: [1], periods: [1], oldReads: [1], weights: [1], mood: 1, requests: 1, marks: 1 };

/** Does what it is told, undisturbed. */
class ToldActor implements Actor, Holder {
  readonly name = "told";
  readonly mayBeSuspended = false;
  readonly canRun = true;
  readonly locals: number[] = [];
  readonly handleWords: readonly number[] = [];
  readonly view: number;
  readonly p: TestP;
  private readonly world: World;
  private next: () => void = () => undefined;

  constructor(world: World, view: number) {
    this.world = world;
    this.view = view;
    this.p = world.ps[view]!;
  }

  /** Does it, as this thread. */
  does(what: (p: TestP) => void): void {
    this.next = () => { what(this.p); };
    this.world.scheduler.run(this.view);
  }

  step(): void {
    this.next();
  }

  enter(): void {
    this.does(({ collector }) => { collector.mutator.enter(); });
  }

  /** Ends its turn, or only polls, having noticed whatever has happened. */
  ends(): void {
    this.locals.length = 0;
    this.does(({ collector }) => { collector.mutator.leave(); });
  }

  polls(): void {
    this.does(({ collector }) => {
      this.world.memory.order();
      collector.mutator.poll();
    });
  }

  /** A new object, in a variable. */
  makes(): number {
    let addr = 0;
    this.does(({ allocator }) => { addr = allocator.mallocTyped(KINDS[KIND]!, POINTERS, this.world.types[KIND]!); });
    this.world.stamp(addr, this.world.nextId());
    this.locals.push(addr);
    return addr;
  }

  /** The object in the middle of the first chain. */
  finds(): number {
    let at = this.world.mem[this.world.roots]! >>> 0;
    this.does(({ mem }) => { for (let i = 0; i < CHAIN / 2; i++) at = mem[at >>> 2]! >>> 0; });
    this.locals.push(at);
    return at;
  }

  loads(addr: number): number {
    let value = 0;
    this.does((p) => { value = p.load(addr, 0); });
    this.locals.push(value);
    return value;
  }

  stores(addr: number, value: number): void {
    this.does((p) => { p.store(addr, 0, value); });
  }

  /** A step of the cycle. */
  drives(): void {
    this.does(({ collector: { cycle } }) => {
      cycle.tryDrive();
      cycle.advance(1);
      cycle.stopDriving();
    });
  }
}

/** Tells the story in a world that `plant` has spoilt. What went wrong. */
export function tellOfArm(plant: (world: World) => void = () => undefined): string | undefined {
  const world = new World(3);
  plant(world);
  const { mem, gc, memory, scheduler } = world;
  const [first, second, driver] = [new ToldActor(world, 0), new ToldActor(world, 1), new ToldActor(world, 2)] as const;
  world.holders.push(first, second, driver);
  memory.install();
  try {
    world.reset();
    scheduler.begin(0);
    scheduler.arrange([first, second, driver], OLD);
    memory.stepping = true;
    second.enter();
    const spot = second.finds();
    const w = second.makes();
    driver.does(({ collector }) => { collector.request(); });
    driver.drives();
    first.enter();
    first.stores(first.finds(), first.makes());
    second.stores(second.loads(spot), w);
    second.ends();
    first.ends();
    for (let i = 0; mem[gc + G.step] !== STEP_DRAIN && i < MAX_STEPS; i++) driver.drives();
    first.enter();
    first.loads(spot);
    first.stores(spot, 0);
    for (let i = 0; mem[gc + G.step] !== STEP_IDLE && i < MAX_STEPS; i++) {
      driver.drives();
      first.polls();
    }
    if (mem[gc + G.step] !== STEP_IDLE) throw new Fault("the cycle does not end");
    world.reachable();
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  } finally {
    memory.stepping = false;
    memory.uninstall();
  }
}
