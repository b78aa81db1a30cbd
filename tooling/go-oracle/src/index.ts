export { goAvailable, goVersion, recordWithGo } from "./go.ts";
export { Mulberry32 } from "./prng.ts";
export {
  DATA,
  HASH_START,
  hashInto,
  loadHeapGoals,
  loadPacer,
  loadPrng,
  loadScavenger,
  loadSequences,
  loadSizeClasses,
  type ClassRow,
  type GoVersion,
  type HeapGoalRecording,
  type HeapGoalsRecording,
  type PacerRecording,
  type PacerScenarioRecording,
  type PrngRecording,
  type ScavengerParts,
  type ScavengerRecording,
  type SequenceRecording,
  type SequencesRecording,
  type ShapeName,
  type SizeClassRecording,
} from "./recording.ts";
export { sizesOf } from "./sizes.ts";
