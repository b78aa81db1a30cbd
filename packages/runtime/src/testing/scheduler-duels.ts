/**
 * Threads that are out for trouble: two of them work on one object, *the spot*, somewhere down the chain of a root, and on what its first ref leads to.
 *
 *     root ──► ... ──► spot ──► next ──► below
 *
 *     publish      a new object goes into the spot
 *     adopt        an object that only this thread knows, as old as its turn, goes into the next
 *     present      a new object goes into the spot, and an older one that only this thread knows into it
 *     put          such an object goes into the spot
 *     take         the next into a variable, and its place is cleared, as the last path to it. Then the thread rests till the cycle has ended, and polls when it is
 *                  awaited: whatever becomes of what it took, it will be there to see it
 *     takeBelow    the same with what is below the next
 *     rest         nothing but polls
 *
 * Each thread has one move until the roots are marked, and one from then on: drawn for the run, mostly from plots that are made up of moves which go together. A move in twelve is any.
 *
 * An ordinary program (scheduler-actors.ts) does such things too; but that several do the ones that matter, to the same object, in the right order, within the few
 * steps of one phase, and that none spoils it later, is a matter of thousands of runs. Here it is one of dozens or hundreds. For example, what needs ARM: a P that is
 * black publishes n; another, which still finds the barrier off, adopts w into it, and nobody shades w; the first, in its next turn, takes n before the spot is scanned. n is not
 * shaded, for it is new. So nobody ever scans it.
 */
import { GcRecord, STEP_GRACE, STEP_IDLE } from "@mallocgc/gc";
import type { Random } from "./scheduler.ts";
import { CHAIN } from "./scheduler-world.ts";
import { TurnActor, type Turn } from "./scheduler-turns.ts";

const G = GcRecord.offset;
/** What the variables are for. */
const SPOT = 0;
const NEXT = 1;
const OWN = 2;
const HELD = 3;

type Move = "publish" | "adopt" | "present" | "put" | "take" | "takeBelow" | "rest";
const MOVES: readonly Move[] = ["publish", "adopt", "present", "put", "take", "takeBelow", "rest"];
type Pair = readonly [Move, Move];
const TAKE: Pair = ["take", "rest"];
/** Early moves, and late ones, that go together. */
const PLOTS: readonly (readonly [Pair, Pair])[] = [
  [["publish", "adopt"], TAKE], [["publish", "adopt"], TAKE], [["present", "rest"], TAKE], [["present", "put"], ["take", "takeBelow"]],
];
/** Mean number of operations in a turn, drawn for each. */
const TURNS: readonly number[] = [1, 1, 3];
/** One in so many operations is a poll when the cycle waits for one: drawn for each turn. */
const POLLS: readonly number[] = [2, 6, 30];
/** Accesses within which somebody comes in between, in some operations. */
const WINDOW = 30;
/** Of 128 B, many of which are in a span: who looks for a span, with Atomics, notices the phase. */
const KIND = 0;
/** Depths of the spot below its root. */
const SPOT_DEPTHS: number = CHAIN - 2;

/** A thread in a duel. */
export class DuelActor extends TurnActor {
  readonly handleWords: readonly number[] = [];
  /** Cycles done when it began to rest; -1 while it does not. */
  private restsSince = -1;
  /** Cycles done when it did its early move for good. */
  private doneSince = -1;
  /** How far below the root the spot is. */
  private spotDepth = 0;
  private early: Move = "rest";
  private late: Move = "rest";

  override reset(): void {
    super.reset();
    this.restsSince = -1;
    this.doneSince = -1;
  }

  /** Draws what a run of two threads is about. */
  static prepare(random: Random, duellists: readonly [DuelActor, DuelActor]): void {
    const depth = random.below(SPOT_DEPTHS);
    const any = (): Pair => [random.of(MOVES), random.of(MOVES)];
    const [early, late] = random.oneIn(3) ? [any(), any()] : random.of(PLOTS);
    const crossed = random.below(2);
    duellists.forEach((duellist, i) => {
      duellist.spotDepth = depth;
      duellist.early = early[i as 0 | 1];
      duellist.late = late[(i ^ crossed) as 0 | 1];
      duellist.warmUp();
    });
  }

  /** Has a span in its cache. */
  private warmUp(): void {
    const { mutator } = this.p.collector;
    this.world.memory.actor = this.view;
    mutator.enter();
    this.make(KIND);
    mutator.leave();
  }

  /** In a turn it waits for the cycle to begin: all that matters comes then. */
  override get canRun(): boolean {
    const { mem, gc } = this.world;
    return super.canRun && (this.isAwaited || !(this.rests || (this.inTurn && mem[gc + G.step] === STEP_IDLE)));
  }

  private get rests(): boolean {
    return this.restsSince === this.world.mem[this.world.gc + G.cyclesDone];
  }

  protected draw(random: Random): Turn {
    return { operations: random.around(random.of(TURNS)), pollOneIn: random.of(POLLS) };
  }

  protected override enter(random: Random): void {
    this.restsSince = -1;
    super.enter(random);
    this.begin();
  }

  /** What it needs in a turn. */
  private begin(): void {
    const { locals, p, world } = this;
    let at = Atomics.load(p.mem, world.roots) >>> 0;
    for (let i = 0; i < this.spotDepth && at !== 0; i++) at = p.load(at, 0);
    locals[SPOT] = this.check(at, "the way to the spot");
    locals[OWN] = this.make(KIND);
    locals[NEXT] = at === 0 ? 0 : p.load(at, 0);
  }

  protected operate(random: Random): void {
    if (this.rests) {
      this.poll(false);
      return;
    }
    // The last turn ended with a safepoint.
    if (this.locals[SPOT] === 0) this.begin();
    if (random.oneIn(6)) this.world.scheduler.soon(WINDOW);
    this.move(random.oneIn(12) ? random.of(MOVES) : this.usual, random);
  }

  private get usual(): Move {
    const { mem, gc } = this.world;
    if (mem[gc + G.step]! >= STEP_GRACE) return this.late;
    return this.doneSince === mem[gc + G.cyclesDone] ? "rest" : this.early;
  }

  /** What it has put where others find it is to stay there: it does so once in a cycle, when it has acked what there is to ack. */
  private publish(addr: number): void {
    const { mem, gc } = this.world;
    if (!this.isAwaited && mem[gc + G.step] !== STEP_IDLE) this.doneSince = mem[gc + G.cyclesDone]!;
    this.store(this.locals[SPOT]!, 0, addr);
  }

  private move(move: Move, random: Random): void {
    const { locals } = this;
    const spot = locals[SPOT]!;
    switch (move) {
      case "publish":
        this.publish(this.make(KIND));
        break;
      case "adopt":
        this.adopt(spot);
        break;
      case "present":
        locals[NEXT] = this.make(KIND);
        this.publish(locals[NEXT]);
        this.store(locals[NEXT], 0, locals[OWN]!);
        break;
      case "put":
        this.store(spot, 0, locals[OWN]!);
        break;
      case "take":
        this.take(spot, random);
        break;
      case "takeBelow":
        // Found early, perhaps, and used late, when nothing else leads to it any more.
        if (locals[NEXT] === 0) locals[NEXT] = this.load(spot, 0);
        else this.take(locals[NEXT]!, random);
        break;
      case "rest":
        if (this.isAwaited) this.poll(false);
    }
  }

  /** Into what has come there in this turn; once, for the next store there would shade what this one did not. */
  private adopt(spot: number): void {
    const { locals, world } = this;
    const next = this.load(spot, 0);
    if (next === 0 || next === locals[NEXT]) return;
    locals[NEXT] = next;
    this.store(next, 0, locals[OWN]!);
    this.doneSince = world.mem[world.gc + G.cyclesDone]!;
  }

  private take(from: number, random: Random): void {
    const { locals, world } = this;
    const taken = this.load(from, 0);
    if (taken === 0) return;
    locals[HELD] = taken;
    this.store(from, 0, 0);
    if (random.oneIn(4)) return;
    locals[NEXT] = 0;
    locals[OWN] = 0;
    this.restsSince = world.mem[world.gc + G.cyclesDone]!;
  }
}
