/**
 * A program and its collector in a computer without noise, to drive a pacer through cycles: the model of Go's TestGcPacer.
 *
 * A scenario says per cycle how fast a CPU allocates and scans, how the live heap grows, what share of it has pointers, and how large the
 * stacks are. A cycle begins exactly at the trigger. It goes on in steps of half a millisecond, in each of which the assist ratio rests; the
 * share of the CPUs that goes to marking, u, follows from it, since assists see to it that
 *
 *     scanned = ratio * allocated      scanned = scanRate * u      allocated = allocRate * (1 - u)
 *
 * and is never below the background's quarter. Globals are scanned first, then stacks, then the heap; what is allocated meanwhile survives
 * the cycle. The last step ends when the work does. Integers are cut off where Go's model cuts them off, so that the figures are equal.
 */
import type { Ptr } from "@mallocgc/sysmem";
import type { PacerFigures } from "../pacer-figures.ts";
import { GC_BACKGROUND_UTILIZATION, NO_LIMIT, Pacer } from "../pacer.ts";
import { PacerRecord } from "../pacer-record.ts";
import { asShare, atLeast, quantize, type Stream } from "./pacer-streams.ts";

/** A program, cycle by cycle. Rates in KiB per ms of CPU time. */
export interface PacerScenario {
  readonly name: string;
  readonly gcPercent: number;
  readonly memoryLimit: number;
  readonly globalsBytes: number;
  readonly nCores: number;
  readonly allocRate: Stream;
  readonly scanRate: Stream;
  readonly growthRate: Stream;
  readonly scannableFrac: Stream;
  readonly stackBytes: Stream;
  readonly length: number;
}

/** What a cycle came to. */
export interface SimulatedCycle {
  readonly live: number;
  readonly trigger: number;
  readonly peak: number;
  readonly goal: number;
  readonly utilization: number;
}

const STEP_NS = 500_000;
/** KiB per ms as bytes per step. */
const RATE: number = (1024 * STEP_NS) / 1e6;
const INITIAL_HEAP: number = 256 << 10;
const MIN_RATE = 0.0001;
/** Stacks grow by this. */
const STACK_UNIT = 2048;

type Counted = { -readonly [K in keyof PacerFigures]: number };

/** Figures of a heap in which there is nothing, to be filled in. */
export function noFigures(): Counted {
  return {
    heapLive: 0, heapScan: 0, maxStackScan: 0, globalsScan: 0, heapScanWork: 0, stackScanWork: 0, globalsScanWork: 0,
    mappedReady: 0, heapFree: 0, heapAlloc: 0,
  };
}

/** A pacer over memory of its own. */
export function newPacer(): Pacer {
  return new Pacer(new Float64Array(PacerRecord.words >>> 1), 0 as Ptr);
}

/** Runs the scenario's cycles. */
export function simulate(scenario: PacerScenario): SimulatedCycle[] {
  const { nCores, globalsBytes } = scenario;
  const allocRate = atLeast(scenario.allocRate, MIN_RATE);
  const scanRate = atLeast(scenario.scanRate, MIN_RATE);
  const growthRate = atLeast(scenario.growthRate, MIN_RATE);
  const scannableFrac = asShare(scenario.scannableFrac);
  const stackBytes = atLeast(quantize(scenario.stackBytes, STACK_UNIT), 0);
  const pacer = newPacer();
  const f = noFigures();
  pacer.init(f, { gcPercent: scenario.gcPercent, memoryLimit: scenario.memoryLimit });

  const cycles: SimulatedCycle[] = [];
  let survivedLast = 0;
  while (cycles.length < scenario.length) {
    const alloc = allocRate() * RATE;
    const scan = scanRate() * RATE;
    const growth = growthRate();
    const frac = scannableFrac();
    const stacks = stackBytes();
    const marked = pacer.heapMarked;

    f.heapLive = Math.max(pacer.trigger(f), marked);
    f.heapScan += Math.trunc((f.heapLive - marked) * frac);
    f.maxStackScan = stacks;
    f.globalsScan = globalsBytes;
    f.heapScanWork = f.stackScanWork = f.globalsScanWork = 0;
    pacer.startCycle(f, 0, nCores);

    const nextMarked = cycles.length === 0 ? INITIAL_HEAP : Math.trunc((marked - survivedLast) * growth);
    const heapWork = Math.trunc(nextMarked * frac);
    const workInAll = globalsBytes + stacks + heapWork;
    let done = 0;
    let duration = 0;
    let assistTime = 0;
    let survived = 0;
    while (done < workInAll) {
      const asked = pacer.assistWorkPerByte * (alloc / RATE);
      const u = Math.max(asked / (asked + scan / RATE), GC_BACKGROUND_UTILIZATION);
      const canScan = Math.trunc(scan * nCores * u);
      const scanned = Math.min(canScan, workInAll - done);
      let elapsed = STEP_NS;
      let allocated = Math.trunc(alloc * nCores * (1 - u));
      if (scanned < canScan) {
        elapsed = Math.trunc((scanned * STEP_NS) / (scan * nCores * u));
        allocated = Math.trunc(((alloc * elapsed) / STEP_NS) * nCores * (1 - u));
      }
      done += scanned;
      f.heapLive += allocated;
      f.heapScan += Math.trunc(allocated * frac);
      f.globalsScanWork = Math.min(done, globalsBytes);
      f.stackScanWork = Math.min(Math.max(done - globalsBytes, 0), stacks);
      f.heapScanWork = Math.max(done - globalsBytes - stacks, 0);
      pacer.revise(f);
      assistTime += Math.trunc(elapsed * nCores * (u - GC_BACKGROUND_UTILIZATION));
      duration += elapsed;
      survived += allocated;
    }

    cycles.push({
      live: marked,
      trigger: pacer.triggered,
      peak: f.heapLive,
      goal: pacer.heapGoal(f),
      utilization: assistTime / (duration * nCores) + GC_BACKGROUND_UTILIZATION,
    });
    pacer.endCycle(f, { now: duration, procs: nCores, assistTime, idleMarkTime: 0 });
    pacer.resetLive(nextMarked + survived, f);
    f.heapLive = nextMarked + survived;
    f.heapScan = f.heapScanWork;
    pacer.commit(f, false);
    survivedLast = survived;
  }
  return cycles;
}

/** A memory limit as Go's scenarios say it; "off" is none. */
export function memoryLimitOf(mib: number | "off"): number {
  return mib === "off" ? NO_LIMIT : mib * 1048576;
}
