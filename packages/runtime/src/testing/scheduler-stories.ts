/**
 * Interleavings told step by step, on the real code. The seeds find them too (scheduler-duels.ts), if rarely; told, they do not depend on their luck.
 *
 * Why there is a phase ARM:
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
 *
 * Why a marker looks at the phase after it has announced itself:
 *
 *     second            first                      marker                   driver
 *                                                  finds that it may mark   drain
 *                                                  .                        TERM, SWEEP, OFF; another cycle begins: ARM
 *     enter; loads w    enter; shades the spot     .
 *     spot.0 := nil     leave: the spot is marked  .                        second still finds the barrier off: nobody shades w
 *                                                  scans the spot
 *     spot.0 := w
 *     leave                                                                 MARK, drain, TERM, SWEEP: w is swept, although the spot leads to it
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
    this.learns();
    this.does(({ collector }) => { collector.mutator.poll(); });
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

  requests(): void {
    this.does(({ collector }) => { collector.request(); });
  }

  /** What it reads from here on is no older than now. */
  learns(): void {
    this.does(() => { this.world.memory.order(); });
  }

  /** One batch, as far as it knows that there is something to mark. */
  marks(): void {
    this.does(({ collector }) => { collector.background.run(1); });
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

/** Who acts in a story. */
interface Cast {
  readonly world: World;
  readonly first: ToldActor;
  readonly second: ToldActor;
  readonly driver: ToldActor;
  readonly marker: ToldActor;
}

/** Tells a story in a world that `plant` has spoilt. What went wrong. */
function tell(story: (cast: Cast) => void, plant: (world: World) => void = () => undefined): string | undefined {
  const world = new World(4);
  plant(world);
  const { memory, scheduler } = world;
  const [first, second, driver, marker] = [new ToldActor(world, 0), new ToldActor(world, 1), new ToldActor(world, 2), new ToldActor(world, 3)] as const;
  world.holders.push(first, second, driver, marker);
  memory.install();
  try {
    world.reset();
    scheduler.begin(0);
    scheduler.arrange([first, second, driver, marker], OLD);
    memory.stepping = true;
    story({ world, first, second, driver, marker });
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

/** Drives the cycle to a step; others poll, if they have to. */
function driveTo({ world: { mem, gc }, driver }: Cast, step: number, pollers: readonly ToldActor[] = []): void {
  for (let i = 0; mem[gc + G.step] !== step; i++) {
    if (i === MAX_STEPS) throw new Fault(`the cycle does not get to step ${step}`);
    driver.drives();
    for (const poller of pollers) poller.polls();
  }
}

/** Why there is a phase ARM. */
export function tellOfArm(plant?: (world: World) => void): string | undefined {
  return tell((cast) => {
    const { first, second, driver } = cast;
    second.enter();
    const spot = second.finds();
    const w = second.makes();
    driver.requests();
    driver.drives();
    first.enter();
    first.stores(first.finds(), first.makes());
    second.stores(second.loads(spot), w);
    second.ends();
    first.ends();
    driveTo(cast, STEP_DRAIN);
    first.enter();
    first.loads(spot);
    first.stores(spot, 0);
    driveTo(cast, STEP_IDLE, [first]);
  }, plant);
}

/** Why a marker looks at the phase after it has announced itself. */
export function tellOfMarker(plant?: (world: World) => void): string | undefined {
  return tell((cast) => {
    const { first, second, driver, marker } = cast;
    driver.requests();
    driveTo(cast, STEP_DRAIN);
    marker.learns();
    marker.marks();
    driveTo(cast, STEP_IDLE);
    second.enter();
    const spot = second.finds();
    const w = second.loads(spot);
    driver.requests();
    driver.drives();
    first.enter();
    first.stores(first.makes(), first.finds());
    second.stores(spot, 0);
    first.ends();
    marker.marks();
    second.stores(spot, w);
    second.ends();
    driveTo(cast, STEP_IDLE);
  }, plant);
}
