/**
 * Runs: each a short program of two or three threads and one or two that collect, all drawn from one seed; and what is to be true at its end.
 * What kinds of runs there are says scheduler-profiles.ts.
 *
 *     begin     the heap as it was made; who takes part, and how often they interrupt each other
 *     middle    some dozens of operations, each with whatever comes in between
 *     end       in some runs the cycle under way is brought to its end while turns go on. Then all turns end; the cycle under way ends, and a whole one is run; after
 *               that the heap holds what is reachable, to the object: nothing is lost, no span has fallen out of every set, nothing floats
 *
 * A seed that fails is run again in a new world, and has to fail in the same way: the failure that is reported comes with the trace of that.
 */
import { GcRecord, STEP_IDLE } from "@mallocgc/gc";
import { allSpans } from "../all-spans.ts";
import { Fault, type Random } from "./scheduler.ts";
import { CollectingActor, ProgramActor } from "./scheduler-actors.ts";
import { DuelActor } from "./scheduler-duels.ts";
import { PROFILES, type Profile } from "./scheduler-profiles.ts";
import type { TurnActor } from "./scheduler-turns.ts";
import { ROOTS, World } from "./scheduler-world.ts";

const G = GcRecord.offset;
const PROGRAMS = 3;
const COLLECTORS = 2;
/** Steps in which a cycle that nobody holds up is over, at the most. */
const MAX_STEPS = 2000;
const TRACE_LINES = 80;

/** What was found. */
export interface Failure {
  readonly seed: number;
  readonly what: string;
  /** The last operations, one on a line; those in between indented. */
  readonly trace: readonly string[];
}

/** Runs programs over one world, or over one with a fault in it. */
export class Explorer {
  /** Runs made. */
  runs = 0;
  private readonly plant: (world: World) => void;
  private readonly profiles: readonly Profile[];
  private stage: Stage;

  /** `plant` spoils a world: what it replaces stays so. `profiles` are the kinds of runs to draw from. */
  constructor(plant: (world: World) => void = () => undefined, profiles: readonly Profile[] = PROFILES) {
    this.plant = plant;
    this.profiles = profiles;
    this.stage = new Stage(plant, profiles);
  }

  /** One run. What it found, if anything. */
  run(seed: number): Failure | undefined {
    this.runs++;
    const what = this.stage.run(seed, false);
    if (what === undefined) return undefined;
    // Whatever was under way is in no state to go on from.
    this.stage = new Stage(this.plant, this.profiles);
    const again = new Stage(this.plant, this.profiles);
    const same = again.run(seed, true);
    return { seed, what: same === what ? what : `${what}; and, run again: ${same ?? "nothing"}`, trace: again.world.scheduler.trace.slice(-TRACE_LINES) };
  }

  /** Runs seeds from `from` on until one fails, `runs` are done, or `ms` have passed. */
  explore(from: number, { runs = Infinity, ms = Infinity }: { readonly runs?: number; readonly ms?: number }): Failure | undefined {
    const end = performance.now() + ms;
    for (let i = 0; i < runs && performance.now() < end; i++) {
      const failure = this.run(from + i);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }
}

/** A world and who may act in it. */
class Stage {
  readonly world: World;
  private readonly profiles: readonly Profile[];
  private readonly programs: readonly ProgramActor[];
  private readonly duellists: readonly [DuelActor, DuelActor];
  private readonly collectors: readonly CollectingActor[];

  constructor(plant: (world: World) => void, profiles: readonly Profile[]) {
    this.profiles = profiles;
    const world = new World(PROGRAMS + COLLECTORS);
    this.world = world;
    this.programs = world.ps.slice(0, PROGRAMS).map((p) => new ProgramActor(world, p));
    this.duellists = [new DuelActor(world, world.ps[0]!), new DuelActor(world, world.ps[1]!)];
    this.collectors = world.ps.slice(PROGRAMS).map((p) => new CollectingActor(world, p));
    world.holders.push(...this.programs, ...this.duellists);
    plant(world);
  }

  /** One run; what went wrong. */
  run(seed: number, tracing: boolean): string | undefined {
    const { memory, scheduler } = this.world;
    scheduler.tracing = tracing;
    memory.install();
    try {
      this.world.reset();
      for (const actor of [...this.programs, ...this.duellists, ...this.collectors]) actor.reset();
      const random = scheduler.begin(seed);
      const profile = random.of(this.profiles);
      const threads = profile.cast === "duel" ? this.castDuel(random) : this.castPrograms(random);
      const collectors = this.collectors.slice(random.below(COLLECTORS));
      for (const collector of this.collectors) collector.profile = profile;
      scheduler.arrange([...threads, ...collectors], profile);
      memory.stepping = true;
      // So that the cycle begins while turns are under way.
      if (profile.cast === "duel") for (const i of threads.keys()) if (!random.oneIn(3)) scheduler.run(i);
      scheduler.play();
      memory.stepping = false;
      this.end(random, threads);
      return undefined;
    } catch (error) {
      return error instanceof Fault ? error.message : String((error as Error).stack);
    } finally {
      memory.stepping = false;
      memory.uninstall();
    }
  }

  private castPrograms(random: Random): readonly TurnActor[] {
    this.world.rootsUsed = 1 + random.below(ROOTS);
    return this.programs.slice(random.below(2));
  }

  private castDuel(random: Random): readonly TurnActor[] {
    DuelActor.prepare(random, this.duellists);
    return this.duellists;
  }

  private end(random: Random, threads: readonly TurnActor[]): void {
    const { world } = this;
    // The cycle under way may as well end while turns go on: what their variables hold is then looked at.
    if (threads[0] instanceof DuelActor || random.oneIn(2)) this.finishCycle(threads);
    for (const thread of threads) thread.end();
    this.finishCycle([]);
    world.ps[PROGRAMS]!.collector.request();
    this.finishCycle([]);
    const reachable = world.reachable().size;
    const held = this.objects();
    const { count, last } = world.ps[0]!.collector.badPointers();
    if (count !== 0) throw new Fault(`markers have met ${count} words, the last ${last}, that should have been pointers and were none`);
    if (held !== reachable) throw new Fault(`at rest, after a whole cycle, the heap holds ${held} objects, and ${reachable} are reachable`);
  }

  /** Brings the cycle to its end; threads do no more than answer it. */
  private finishCycle(threads: readonly TurnActor[]): void {
    const { mem, gc } = this.world;
    for (let i = 0; i < MAX_STEPS; i++) {
      this.collectors[0]!.drive();
      if (mem[gc + G.step] === STEP_IDLE && mem[gc + G.wanted] === 0) return;
      for (const thread of threads) thread.answer();
    }
    throw new Fault(`nobody holds the cycle up, and it does not end: it stands at step ${mem[gc + G.step]!}`);
  }

  private objects(): number {
    const { layers } = this.world.ps[0]!;
    let n = 0;
    for (const s of allSpans(layers)) n += layers.spans.countHandedOut(s);
    return n;
  }
}
