/**
 * The cases on objects, as far as one thread does them: sets the implementation's program up, calls it, reads the clock.
 *
 * What is timed is named beside each case in object-cases.ts. Warm-up brings the heap into its steady state before it is timed: a forced
 * collection for gc-mark, each live object replaced about once for gc-alloc. binary-trees has none: it is a program that runs once.
 */
import { Histogram } from "./histogram.ts";
import type { CollectionTime, GraphProgram, MutatorProgram, Programs } from "./impl/programs.ts";
import type { Measurement, ObjectJob } from "./job.ts";
import { alone, runBatches, timeKernel, wallTime } from "./measure.ts";
import { measureTrees, treesMeasurement } from "./measure-trees.ts";
import { CYCLES, type FieldCase, type LatencyCase, type MapCase, type MarkCase, type SteadyCase } from "./object-cases.ts";

/** Who cannot finish them in that time is measured by what there is. */
const LATENCY_MAX_MS = 40_000;
/** Between two questions how far the collector is; and between two turns of the event loop, where a program needs them. */
const OPS_PER_LOOK = 256;
const LOOKS_PER_BREATH = 64;

export async function measureObjects(job: ObjectJob, programs: Programs): Promise<Measurement> {
  switch (job.case) {
    case "gc-mark":
      return measureMark(job, await present(programs.graph)(job));
    case "gc-alloc":
      return measureSteady(job, programs);
    case "binary-trees":
      return treesMeasurement([measureTrees(job, await present(programs.trees)(job), 0, alone)]);
    case "mutator-latency":
      return measureLatency(job, await present(programs.mutator)(job));
    case "field-access":
    case "map-access":
      return measureAccess(job, programs);
  }
}

async function measureMark(job: ObjectJob<MarkCase>, program: GraphProgram): Promise<Measurement> {
  // The first one frees what it took to make the graph.
  await program.collect();
  const times: CollectionTime[] = [];
  for (let i = 0; i < CYCLES; i++) times.push(await program.collect());
  const reachable = program.reachable?.() ?? job.live;
  if (reachable !== job.live) throw new Error(`${reachable} objects of ${job.live} are left`);
  program.close();
  const { markNs, cpuNs } = times.toSorted((a, b) => a.markNs - b.markNs)[CYCLES >> 1]!;
  return {
    nsPerOp: markNs / job.live,
    ops: job.live,
    bytesPerOp: job.size,
    cycles: CYCLES,
    ...(cpuNs === undefined ? {} : { cpuNsPerOp: cpuNs / job.live }),
  };
}

async function measureSteady(job: ObjectJob<SteadyCase>, programs: Programs): Promise<Measurement> {
  const program = await present(programs.population)(job);
  runBatches(program, job.live);
  const before = program.cycles?.();
  const time = timeKernel(program, job, 0, alone);
  const after = program.cycles?.();
  program.close();
  const cycles = before === undefined || after === undefined ? undefined : after - before;
  if (cycles === 0) throw new Error(`${time.ops} operations were too few for a collection`);
  return {
    nsPerOp: wallTime([time]) / time.ops,
    ops: time.ops,
    bytesPerOp: job.size,
    onProcessor: time.onProcessor,
    ...(cycles === undefined ? {} : { cycles }),
  };
}

/** What lies between two looks at the clock is one operation, so that no pause can hide; neither can one of the operating system. */
async function measureLatency(job: ObjectJob<LatencyCase>, program: MutatorProgram): Promise<Measurement> {
  for (let i = 0; i < job.live >> 3; i++) program.replace();
  const histogram = new Histogram();
  const began = performance.now();
  const before = program.cycles();
  let last = began;
  for (let looks = 0; program.cycles() - before < CYCLES && last - began < LATENCY_MAX_MS; looks++) {
    if (looks % LOOKS_PER_BREATH === 0) await program.breathe?.();
    for (let i = 0; i < OPS_PER_LOOK; i++) {
      program.replace();
      const now = performance.now();
      histogram.add((now - last) * 1e6);
      last = now;
    }
  }
  const cycles = program.cycles() - before;
  const stall = program.longestStall?.();
  await program.close();
  if (cycles === 0) throw new Error(`no collection was completed within ${LATENCY_MAX_MS / 1000} s`);
  return {
    nsPerOp: ((last - began) * 1e6) / histogram.total,
    ops: histogram.total,
    bytesPerOp: job.size,
    cycles,
    latency: {
      p50: histogram.quantile(0.5),
      p99: histogram.quantile(0.99),
      p9999: histogram.quantile(0.9999),
      max: histogram.max,
      ...(stall === undefined ? {} : { stall }),
    },
  };
}

async function measureAccess(job: ObjectJob<FieldCase> | ObjectJob<MapCase>, programs: Programs): Promise<Measurement> {
  const kernel = job.case === "field-access" ? await present(programs.fields)(job) : await present(programs.map)(job);
  const time = timeKernel(kernel, job, 0, alone);
  return { nsPerOp: wallTime([time]) / time.ops, ops: time.ops, bytesPerOp: 0, onProcessor: time.onProcessor };
}

function present<T>(program: T | undefined): T {
  if (program === undefined) throw new Error("this implementation has no program for this case");
  return program;
}
