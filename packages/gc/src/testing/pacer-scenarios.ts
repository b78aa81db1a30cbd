/** The 19 programs of Go's TestGcPacer. What happens in them is recorded (`tooling/go-oracle/data/pacer.json`); this is what they are. */
import { memoryLimitOf, type PacerScenario } from "./pacer-simulator.ts";
import { constant, delay, playback, ramp, sum, unit, type Stream } from "./pacer-streams.ts";

/** Values recorded from Go that the scenarios are made with. */
export interface RecordedStreams {
  readonly noise: readonly { readonly seed: number; readonly values: readonly number[] }[];
  readonly sine: readonly number[];
}

/** All scenarios, each to be run once. */
export function pacerScenarios(recorded: RecordedStreams): PacerScenario[] {
  const noise = (amplitude: number, seed: number): Stream => {
    const found = recorded.noise.find((n) => n.seed === seed);
    if (found === undefined) throw new Error(`no noise was recorded for seed ${seed}`);
    return playback(found.values.map((v) => (v - 0.5) * 2 * amplitude));
  };
  const wave = (amplitude: number, length: number): Stream =>
    playback(Array.from({ length }, (_, i) => recorded.sine[i % recorded.sine.length]! * amplitude));

  // Most heaps double twelve times, less each time, and then stay as large as they are.
  const settling = (steps = 12): Stream => sum(constant(2), ramp(-1, steps));
  const steady = (name: string, changes: Partial<PacerScenario> = {}): PacerScenario => ({
    name,
    gcPercent: 100,
    memoryLimit: memoryLimitOf("off"),
    globalsBytes: 32 << 10,
    nCores: 8,
    allocRate: constant(33),
    scanRate: constant(1024),
    growthRate: settling(),
    scannableFrac: constant(1),
    stackBytes: constant(8192),
    length: 50,
    ...changes,
  });
  const slow = (name: string, growthRate: Stream): PacerScenario =>
    steady(name, { allocRate: constant(1), scanRate: constant(2048), growthRate, scannableFrac: constant(0.01) });
  const limited = (name: string, gcPercent: number, growthRate: Stream): PacerScenario =>
    steady(name, { gcPercent, memoryLimit: memoryLimitOf(512), growthRate });

  return [
    steady("Steady"),
    steady("SteadyBigStacks", { allocRate: constant(132), stackBytes: sum(constant(2048), ramp(128 << 20, 8)) }),
    steady("SteadyBigGlobals", { allocRate: constant(132), globalsBytes: 128 << 20 }),
    steady("StepAlloc", { allocRate: sum(constant(33), delay(ramp(66, 1), 50)), length: 100 }),
    steady("HeavyStepAlloc", { allocRate: sum(constant(33), delay(ramp(330, 1), 50)), length: 100 }),
    steady("StepScannableFrac", { allocRate: constant(128), scannableFrac: sum(constant(0.2), delay(unit(0.5), 50)), length: 100 }),
    steady("HighGOGC", {
      gcPercent: 1500,
      allocRate: sum(noise(7, 0x53), constant(165)),
      growthRate: sum(constant(2), ramp(-1, 12), noise(0.01, 0x1), delay(unit(14), 25)),
    }),
    steady("OscAlloc", { allocRate: sum(wave(13, 50), constant(67)) }),
    steady("JitterAlloc", { allocRate: sum(noise(13, 0xf), constant(132)), growthRate: sum(constant(2), ramp(-1, 12), noise(0.01, 0xe)) }),
    steady("HeavyJitterAlloc", { allocRate: sum(noise(33, 0x0), constant(330)), growthRate: sum(constant(2), ramp(-1, 12), noise(0.01, 0x152)) }),
    slow("SmallHeapSlowAlloc", settling(3)),
    slow("MediumHeapSlowAlloc", settling(8)),
    slow("LargeHeapSlowAlloc", sum(constant(4), ramp(-3, 12))),
    limited("SteadyMemoryLimit", 100, settling()),
    limited("SteadyMemoryLimitNoGCPercent", -1, settling()),
    limited("ExceedMemoryLimit", 100, sum(constant(3.5), ramp(-2.5, 12))),
    limited("ExceedMemoryLimitNoGCPercent", -1, sum(constant(3.5), ramp(-2.5, 12))),
    limited("MaintainMemoryLimit", 100, sum(constant(3), ramp(-2, 12))),
    limited("MaintainMemoryLimitNoGCPercent", -1, sum(constant(3), ramp(-2, 12))),
  ];
}
