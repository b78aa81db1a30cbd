import { expect, test } from "vitest";
import { Explorer, type Failure } from "./testing/scheduler-explorer.ts";
import { PLANTED_FAULTS } from "./testing/scheduler-faults.ts";
import { tellOfArm, tellOfMarker } from "./testing/scheduler-stories.ts";
import { Random } from "./testing/scheduler.ts";

/** How long clean runs go on; what a nightly run sets longer. */
const CLEAN_MS = Number(process.env["MALLOCGC_SCHEDULER_MS"] ?? 20_000);
/** A seed to begin with: set it to replay one that was printed. */
const SEED = Number(process.env["MALLOCGC_SEED"] ?? Math.floor(Math.random() * 1e9));
const FAULT_MS = 60_000;
const SLACK_MS = 30_000;

function told(failure: Failure | undefined): string {
  return failure === undefined ? "nothing" : `seed ${failure.seed}: ${failure.what}\n${failure.trace.join("\n")}`;
}

test("however Ps and collector interrupt each other, nothing reachable is freed and nothing unreachable stays", { timeout: CLEAN_MS + SLACK_MS }, () => {
  const failure = new Explorer().explore(SEED, { ms: CLEAN_MS });
  expect(told(failure)).toBe("nothing");
});

test.each(PLANTED_FAULTS.filter(({ seldomFound }) => seldomFound !== true))("a planted fault is found within a minute: $name", { timeout: FAULT_MS + SLACK_MS }, ({ plant, profiles }) => {
  expect(told(new Explorer(plant, profiles).explore(1, { ms: FAULT_MS }))).not.toBe("nothing");
});

test("what a P that finds the barrier off stores into an object that another P made black is not lost, since nobody is black before all shade", () => {
  expect(tellOfArm()).toBeUndefined();
  expect(tellOfArm(PLANTED_FAULTS.find(({ name }) => name.startsWith("no ARM"))!.plant)).toMatch(/the object at \d+, to which object \d+ leads, is gone/);
});

test("what a turn hands over in ARM is not scanned by a marker that was on its way since the last cycle", () => {
  expect(tellOfMarker()).toBeUndefined();
  expect(tellOfMarker(PLANTED_FAULTS.find(({ name }) => name.startsWith("a marker does not look"))!.plant)).toMatch(/the object at \d+, to which object \d+ leads, is gone/);
});

test("a seed replays: the same failure by the same operations", () => {
  const { plant } = PLANTED_FAULTS.find(({ name }) => name.startsWith("white allocation"))!;
  const first = new Explorer(plant).explore(1, { ms: FAULT_MS })!;
  expect(new Explorer(plant).run(first.seed)).toEqual(first);
});

test("numbers from a seed are the same each time, within their bounds, and others from another seed", () => {
  const draw = (seed: number): number[] => {
    const random = new Random(seed);
    return Array.from({ length: 100 }, () => random.below(1000));
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  expect(draw(7).every((n) => Number.isInteger(n) && n >= 0 && n < 1000)).toBe(true);
});
