/** The cycle as a machine, driven step by step: what each step waits for, what begins a cycle, what ends marking. */
import {
  ADVANCE_IDLE, ADVANCE_WAITING, ADVANCE_WORKED, FORCE_PERIOD_MS, GcProcessor, STEP_ARM, STEP_DRAIN, STEP_FLUSH, STEP_GRACE, STEP_SWEEP, WANTED_BY_GROWTH, type Marker,
} from "@mallocgc/gc";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ALL, Driver, gcWord, inTurn, isMarked, isThere, list, revives } from "./testing/driver.ts";
import { TestHeap, type TestP } from "./testing/test-p.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A driver, and a P that a test puts in turns. */
function scene(options: ConstructorParameters<typeof TestHeap>[0] = {}): { heap: TestHeap; d: Driver; p: TestP } {
  const heap = new TestHeap(options);
  return { heap, d: new Driver(heap), p: heap.attach() };
}

/** Makes the object at `addr` the root of that name, in a turn under way. */
function setRoot(p: TestP, name: string, addr: number): void {
  p.collector.roots.named.set(name, addr);
}

describe("a cycle goes through its steps in order", () => {
  test("and its phases with them, when nobody is in a turn", () => {
    const { d } = scene();
    d.request();
    const seen = [[d.step, d.phase]];
    while (d.advance() === ADVANCE_WORKED) seen.push([d.step, d.phase]);
    expect(seen.filter(([step], i) => i === 0 || step !== seen[i - 1]![0])).toEqual([
      ["idle", "off"], ["arm", "arm"], ["mark", "mark"], ["grace", "mark"], ["drain", "mark"], ["flush", "mark"], ["sweep", "sweep"], ["idle", "off"],
    ]);
    expect([d.word("cyclesBegun"), d.word("cyclesDone"), d.word("cyclesSwept")]).toEqual([1, 1, 1]);
  });

  test("ARM waits until every P in a turn has taken notice", () => {
    const { d, p } = scene();
    p.collector.mutator.enter();
    d.to(STEP_ARM);
    expect([d.advance(), d.advance(), d.step]).toEqual([ADVANCE_WAITING, ADVANCE_WAITING, "arm"]);
    p.collector.mutator.poll();
    expect([d.advance(), d.step, d.phase]).toEqual([ADVANCE_WORKED, "mark", "mark"]);
  });

  test("MARK waits until every store that began without that notice is over", () => {
    const { d, p } = scene();
    p.collector.mutator.enter();
    d.to(STEP_ARM);
    p.collector.mutator.poll();
    d.advance();
    expect([d.advance(), d.step]).toEqual([ADVANCE_WAITING, "mark"]);
    p.collector.mutator.poll();
    expect([d.advance(), d.step]).toEqual([ADVANCE_WORKED, "grace"]);
  });

  test.each(["leave", "safepoint"] as const)("GRACE waits for the end of each turn, which no poll is: %s", (end) => {
    const { d, p } = scene();
    p.collector.mutator.enter();
    d.to(STEP_ARM);
    p.collector.mutator.poll();
    d.advance();
    p.collector.mutator.poll();
    d.advance();
    p.collector.mutator.poll();
    expect([d.advance(), d.step]).toEqual([ADVANCE_WAITING, "grace"]);
    p.collector.mutator[end]();
    expect([d.advance(), d.step]).toEqual([ADVANCE_WORKED, "drain"]);
  });

  test("a turn that begins after MARK was acked is not waited for in GRACE", () => {
    const { d, p } = scene();
    d.to(STEP_GRACE);
    p.collector.mutator.enter();
    expect(d.advance()).toBe(ADVANCE_WORKED);
  });

  test("roots are read after the grace period, not before: what a turn of before stores without the barrier is seen", () => {
    const { d, p } = scene();
    const addr = inTurn(p, () => {
      setRoot(p, "x", 0);
      return p.node();
    });
    d.to(STEP_GRACE);
    inTurn(p, () => { setRoot(p, "x", addr); });
    d.finish();
    expect(isThere(p, addr)).toBe(true);
  });

  test("FLUSH waits for the answer of each P in a turn", () => {
    const { d, p } = scene();
    d.to(STEP_DRAIN);
    p.collector.mutator.enter();
    d.to(STEP_FLUSH);
    expect([d.advance(), d.step]).toEqual([ADVANCE_WAITING, "flush"]);
    p.collector.mutator.poll();
    expect([d.advance(), d.step]).toEqual([ADVANCE_WORKED, "sweep"]);
  });

  test("SWEEP does not end before each P in a turn has given its spans back", () => {
    const { d, p } = scene();
    d.to(STEP_FLUSH);
    inTurn(p, () => {
      d.to(STEP_SWEEP);
      while (d.advance() === ADVANCE_WORKED);
      expect([d.step, d.phase, d.advance()]).toEqual(["sweep", "sweep", ADVANCE_WAITING]);
      p.collector.mutator.poll();
      while (d.advance() === ADVANCE_WORKED);
      expect([d.step, d.phase]).toEqual(["idle", "off"]);
    });
  });

  test("a P that rests over whole cycles holds none of them up, and finds a later one's phase new to it", () => {
    const { d, p } = scene();
    inTurn(p, () => p.node());
    for (let i = 0; i < 3; i++) d.finish();
    d.to(STEP_SWEEP);
    expect(gcWord(p, "phaseSeen")).not.toBe(d.word("phase"));
    p.collector.mutator.enter();
    expect(gcWord(p, "phaseSeen")).toBe(d.word("phase"));
  });

  test("another P can go on where the driver stopped, at any step", () => {
    const { d, p } = scene();
    const cycle = d.p.collector.cycle;
    const other = p.collector.cycle;
    inTurn(p, () => { setRoot(p, "x", p.node(p.node())); });
    d.request();
    let drivers = [cycle, other];
    for (let steps = 0; d.word("cyclesSwept") === 0; steps++) {
      expect(steps).toBeLessThan(1000);
      drivers[0]!.advance(1);
      drivers[0]!.stopDriving();
      drivers = [drivers[1]!, drivers[0]!];
      expect(drivers[0]!.tryDrive()).toBe(true);
    }
    expect(d.p.layers.mutexes.owner).not.toBe(p.layers.mutexes.owner);
  });

  test("one thread drives: the seat is refused while another has it", () => {
    const { d, p } = scene();
    expect(p.collector.cycle.tryDrive()).toBe(false);
    d.p.collector.cycle.stopDriving();
    expect(p.collector.cycle.tryDrive()).toBe(true);
  });
});

describe("heldUpBy", () => {
  test("names the P that a step waits for, and since when; nobody while the machine can go on", () => {
    const { d, p } = scene();
    const clock = vi.spyOn(performance, "now").mockReturnValue(1000);
    p.collector.mutator.enter();
    expect(d.p.collector.heldUpBy()).toBeUndefined();
    d.to(STEP_ARM);
    expect(d.p.collector.heldUpBy()).toEqual({ processorId: p.processorId, ms: 0 });
    clock.mockReturnValue(1700);
    expect(d.p.collector.heldUpBy()).toEqual({ processorId: p.processorId, ms: 700 });
    p.collector.mutator.poll();
    expect(d.p.collector.heldUpBy()).toBeUndefined();
    d.advance();
    expect(d.p.collector.heldUpBy()).toEqual({ processorId: p.processorId, ms: 0 });
  });

  test("a turn that answers every poll is to blame for the grace period alone", () => {
    const { d, p } = scene();
    p.collector.mutator.enter();
    const blamed: string[] = [];
    d.request();
    for (let i = 0; i < 60; i++) {
      if (d.p.collector.heldUpBy() !== undefined) blamed.push(d.step);
      d.advance();
      p.collector.mutator.poll();
      if (i === 20) p.collector.mutator.safepoint();
    }
    expect(new Set(blamed)).toEqual(new Set(["grace"]));
  });
});

describe("a cycle begins", () => {
  test("never of itself: nothing was asked for, nothing has grown, no time has passed", () => {
    const { d } = scene();
    expect([d.advance(), d.step, d.word("cyclesBegun")]).toEqual([ADVANCE_IDLE, "idle", 0]);
  });

  test("when the heap has grown to the trigger, and not below", () => {
    const { d } = scene();
    d.setWord("wanted", WANTED_BY_GROWTH);
    d.setWord("heapLive", d.word("trigger") - 1);
    expect(d.advance()).toBe(ADVANCE_IDLE);
    d.setWord("wanted", WANTED_BY_GROWTH);
    d.setWord("heapLive", d.word("trigger"));
    expect([d.advance(), d.step]).toEqual([ADVANCE_WORKED, "arm"]);
  });

  test("once for what grew while one was under way: growth wanted then and not there any more is dropped", () => {
    const { d } = scene();
    d.to(STEP_DRAIN);
    d.setWord("wanted", WANTED_BY_GROWTH);
    d.finish();
    expect([d.advance(), d.word("wanted"), d.word("cyclesBegun")]).toEqual([ADVANCE_IDLE, 0, 1]);
  });

  test("by request, however small the heap; asked for while one is under way, another follows", () => {
    const { d } = scene();
    d.to(STEP_DRAIN);
    d.request();
    d.finish();
    expect(d.advance()).toBe(ADVANCE_WORKED);
    expect([d.word("cyclesBegun"), d.word("forced")]).toEqual([2, 2]);
  });

  test("when none has for two minutes", () => {
    const { d } = scene();
    const start = performance.now();
    const clock = vi.spyOn(performance, "now").mockReturnValue(start + FORCE_PERIOD_MS - 1000);
    expect(d.advance()).toBe(ADVANCE_IDLE);
    clock.mockReturnValue(start + FORCE_PERIOD_MS);
    expect(d.advance()).toBe(ADVANCE_WORKED);
    d.finish();
    clock.mockReturnValue(start + FORCE_PERIOD_MS * 2 - 1);
    expect(d.advance()).toBe(ADVANCE_IDLE);
    clock.mockReturnValue(start + FORCE_PERIOD_MS * 2);
    expect(d.advance()).toBe(ADVANCE_WORKED);
    expect(d.word("forced")).toBe(0);
  });

  test("neither by growth nor by time while gcPercent is -1, but by request", () => {
    const { d, p } = scene({ gcPercent: -1 });
    const start = performance.now();
    vi.spyOn(performance, "now").mockReturnValue(start + FORCE_PERIOD_MS * 3);
    inTurn(p, () => { for (let i = 0; i < 50; i++) p.allocator.malloc(100_000, 1); });
    expect([d.word("wanted"), d.advance()]).toEqual([0, ADVANCE_IDLE]);
    d.request();
    expect(d.advance()).toBe(ADVANCE_WORKED);
  });
});

describe("marking ends", () => {
  test("with all that the roots lead to marked and kept, and the rest gone", () => {
    const { d, p } = scene();
    const [kept, dropped] = inTurn(p, () => {
      const leaf = p.node();
      setRoot(p, "x", p.node(p.node(leaf)));
      return [leaf, p.node(leaf)];
    });
    d.finish();
    expect([isThere(p, kept), isThere(p, dropped)]).toEqual([true, false]);
  });

  test("a little at a time: a budget ends a step, and the machine stays where it is", () => {
    const { d, p } = scene();
    inTurn(p, () => { setRoot(p, "x", list(p, 20_000)); });
    d.to(STEP_DRAIN);
    let steps = 0;
    while (d.step === "drain" && d.advance(1) === ADVANCE_WORKED) steps++;
    expect(steps).toBeGreaterThan(5);
    d.finish();
    expect(d.p.collector.log.read(1)!.heapMarked).toBeGreaterThanOrEqual(20_000 * 16);
  });

  test("only when a round of flushing brought nothing up: what was shaded meanwhile is marked first", () => {
    const { d, p } = scene();
    const [x, y] = inTurn(p, () => {
      const hidden = p.node();
      const old = p.node(hidden);
      setRoot(p, "x", old);
      return [old, hidden];
    });
    d.to(STEP_GRACE);
    p.collector.mutator.enter();
    p.collector.mutator.poll();
    // Before the roots are read: the only way to y is gone, but for what the barrier shades.
    p.store(x, 0, 0);
    expect(gcWord(p, "greyLen")).toBe(1);
    d.to(STEP_FLUSH);
    p.collector.mutator.poll();
    d.advance();
    expect([d.step, isMarked(p, y)]).toEqual(["drain", true]);
    p.collector.mutator.leave();
    d.finish();
    expect(isThere(p, y)).toBe(true);
  });

  test("not yet when an object was revived through a weak ref in its last round: TERM goes back to MARK, and the object stays", () => {
    const { d, p } = scene();
    const addr = inTurn(p, () => p.node(p.node()));
    const child = p.load(addr, 0);
    d.to(STEP_DRAIN);
    p.collector.mutator.enter();
    d.to(STEP_FLUSH);
    expect(revives(p, addr)).toBe(true);
    d.advance();
    expect([d.step, d.phase]).toEqual(["drain", "mark"]);
    p.collector.mutator.leave();
    d.finish();
    expect([isThere(p, addr), isThere(p, child)]).toEqual([true, true]);
  });

  test("not yet while a P has work of its own in hand", () => {
    const { d, p } = scene();
    d.to(STEP_DRAIN);
    const at = p.layers.processors.gcOf(p.processorId);
    p.mem[at + GcProcessor.offset.marking] = 1;
    expect([d.advance(), d.step]).toEqual([ADVANCE_WAITING, "drain"]);
    p.mem[at + GcProcessor.offset.marking] = 0;
    expect([d.advance(), d.step]).toEqual([ADVANCE_WORKED, "flush"]);
  });

  test("not before all that is marked was scanned again, when work was dropped for want of buffers", () => {
    const { d, p } = scene();
    const [parent, child] = inTurn(p, () => {
      const leaf = p.node();
      const root = p.node(leaf);
      setRoot(p, "x", root);
      return [root, leaf];
    });
    d.to(STEP_GRACE);
    // As a marker leaves it that had no room to note the object: marked, and never scanned.
    const s = p.layers.pages.spanOf(parent);
    p.layers.marks.mark(s, p.layers.spans.slotOf(s, parent));
    (d.p.collector as unknown as { marker: Marker }).marker.setOverflow();
    d.to(STEP_FLUSH);
    expect(isMarked(p, child)).toBe(false);
    d.advance();
    expect(d.step).toBe("drain");
    d.finish();
    expect(isThere(p, child)).toBe(true);
  });

  test("the goal and the trigger follow what was found alive: never below the minimum, and twice as much at 100 per cent", () => {
    const { d, p } = scene({ heapMinimum: 1 << 20 });
    d.finish();
    expect(d.p.collector.pacer.nextGoal).toBe(1 << 20);
    inTurn(p, () => { setRoot(p, "x", p.allocator.malloc(2 << 20, 1)); });
    d.finish();
    expect(d.p.collector.pacer.nextGoal).toBeGreaterThanOrEqual(4 << 20);
    expect(d.p.collector.pacer.nextGoal).toBeLessThan((4 << 20) + 100_000);
    expect(d.word("trigger") * 8).toBeLessThan(d.p.collector.pacer.nextGoal);
  });
});

describe("the CPU limiter", () => {
  test("asks for no assists once collecting has taken half of the CPUs for long, and until marking is over", () => {
    const { d, p } = scene();
    let now = performance.now();
    vi.spyOn(performance, "now").mockImplementation(() => now);
    inTurn(p, () => { setRoot(p, "x", list(p, 20_000)); });
    d.to(STEP_DRAIN);
    const limiting: number[] = [];
    while (d.step === "drain" && d.advance(1) === ADVANCE_WORKED) {
      limiting.push(d.word("limiting"));
      // Both Ps assist, all of the time.
      now += 200;
      d.setWord("assistUs", d.word("assistUs") + 2 * 200_000);
    }
    expect([limiting[0], limiting.at(-1)]).toEqual([0, 1]);
    d.finish();
    expect(d.word("limiting")).toBe(0);
  });
});

test("what a cycle did is told in its report and Go's trace line", () => {
  const { d, p } = scene();
  let now = performance.now();
  vi.spyOn(performance, "now").mockImplementation(() => (now += 0.25));
  inTurn(p, () => { setRoot(p, "x", p.node(p.node())); });
  d.finish();
  const report = d.p.collector.log.read(1)!;
  expect(report).toMatchObject({ cycle: 1, forced: true, procs: 2 });
  expect([report.beginNs, report.markNs, report.endNs].every((ns) => ns > 0)).toBe(true);
  expect(report.heapMarked).toBeLessThanOrEqual(report.heapEnd);
  expect(report.globals).toBeGreaterThan(0);
});

test("a cycle with nothing to do still ends, with any budget", () => {
  const { d } = scene();
  for (const budget of [1, 64, ALL]) {
    d.request();
    for (let i = 0; d.advance(budget) !== ADVANCE_IDLE; i++) expect(i).toBeLessThan(1000);
  }
  expect([d.word("cyclesSwept"), d.step]).toEqual([3, "idle"]);
});
