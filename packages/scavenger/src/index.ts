export { ScavengeError, type ScavengeErrorCode } from "./errors.ts";
export {
  NO_GOAL, REDUCE_EXTRA_PERCENT, RETAIN_EXTRA_PERCENT, exceedsGcPercentGoal, exceedsMemoryLimitGoal, gcPercentGoal, growthOverage, limitOverage, memoryLimitGoal, paceGcPercent,
  paceMemoryLimit, type AssistFigures, type GoalFigures,
} from "./goals.ts";
export {
  APPROX_WORKED_NS_PER_PAGE, CONTROLLER_COOLDOWN, MIN_SCAV_WORK_TIME, Pacing, SCAVENGE_PERCENT, SCAVENGE_QUANTUM, STARTING_SCAV_SLEEP_RATIO, type Quanta,
} from "./pacing.ts";
export { PiController, SCAVENGE_TUNING, type PiPlaces, type PiTuning } from "./pi-controller.ts";
export { releaseFailures, releasePages, residentBytes, type PagedMemory } from "./release-pages.ts";
export { SCAV_CHUNK_HAS_FREE, SCAV_CHUNK_HI_OCC_FRAC, chunkFormat, flagsOf, inUseOf, lastInUseOf, packChunk, shouldScavenge, type ChunkFormat } from "./scav-chunk-data.ts";
export { SCAV_CHUNK_WORDS, ScavengeIndex } from "./scavenge-index.ts";
export { Scavenger, type ScavengerEnvironment, type ScavengerOptions } from "./scavenger.ts";
export { ScavengerRecord } from "./scavenger-record.ts";
export { formatScavTrace, type ScavTraceFigures } from "./scavtrace.ts";
