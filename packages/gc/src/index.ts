export { AssistCredit, GC_ASSIST_TIME_SLACK, GC_CREDIT_SLACK, GC_OVER_ASSIST_WORK, bytesForWork, planAssist, type AssistPlan } from "./assist-credit.ts";
export { BackgroundMarker } from "./background-marker.ts";
export { findLost, walkReachable, type CheckMarkParts, type LostObject } from "./check-mark.ts";
export { CpuLimiter, type LimiterTimes } from "./cpu-limiter.ts";
export { CpuLimiterRecord } from "./cpu-limiter-record.ts";
export {
  ADVANCE_IDLE, ADVANCE_WAITING, ADVANCE_WORKED, Cycle, FORCE_PERIOD_MS, type CycleParts, type MemoryFigures,
} from "./cycle.ts";
export { CycleLog, traceLine, type CycleEnd, type CycleReport } from "./cycle-log.ts";
export { CYCLES_KEPT, CycleFigures, GREY_ENTRIES, GcProcessor, GcRecord, NO_TRIGGER, UNIT, gcTables, triggerWord } from "./gc-record.ts";
export { formatGcTrace, formatPacerEnd, formatPacerStart, type GcTraceFigures, type PacerEndFigures, type PacerStartFigures } from "./gctrace.ts";
export { Handshake, type Behind, type HeldUp, type Processors } from "./handshake.ts";
export { IdleMarkWorkers, fractionalWorkerDue, fractionalWorkerSpent, markWorkersFor, maxIdleMarkWorkers, type MarkWorkers } from "./mark-workers.ts";
export { Marker } from "./marker.ts";
export { Mutator, type SpanFinder } from "./mutator.ts";
export { KIND_ARRAY, KIND_STRUCT, ObjectMap, TYPE_MASK } from "./object-map.ts";
export { DEFAULT_HEAP_MINIMUM, GC_BACKGROUND_UTILIZATION, NO_LIMIT, Pacer } from "./pacer.ts";
export { PacerError, type PacerErrorCode } from "./pacer-errors.ts";
export type { CycleTimes, PacerFigures, PacerOptions } from "./pacer-figures.ts";
export { PacerRecord } from "./pacer-record.ts";
export { PHASE_ARM, PHASE_MARK, PHASE_NAMES, PHASE_OFF, PHASE_SWEEP, PHASE_TERM, cycleOf, phaseOf, phaseWord } from "./phase.ts";
export { RefillWork, WANTED_BY_GROWTH, WANTED_BY_REQUEST, WANTED_BY_TIME } from "./refill.ts";
export { loadRef, type Barrier, type RootSource } from "./root-source.ts";
export { SPECIAL_TAKEN, Specials, type SlotMarks, type SpecialCounts, type SpecialOwners } from "./specials.ts";
export { SpecialQueues } from "./specials-queue.ts";
export {
  KIND_CANCELLED, KIND_CLEANUP, KIND_FINALIZER, KIND_WEAK_HANDLE, Special, SpecialQueue, SpecialsState, WeakHandle, type SpecialPtr, type WeakHandlePtr,
} from "./specials-record.ts";
export { verifySpecials } from "./specials-verify.ts";
export { WeakHandles } from "./specials-weak.ts";
export { STEP_ARM, STEP_DRAIN, STEP_FLUSH, STEP_GRACE, STEP_IDLE, STEP_MARK, STEP_NAMES, STEP_SWEEP } from "./step.ts";
export { SweepPacing, SweepPacingRecord, type SweepFigures } from "./sweep-pacing.ts";
export { newSlotsKernel, sweepKernel, type LeaveOutNew } from "./sweep-span.ts";
export { SpanSweeper, type SpecialSweeper, type SweepKernel } from "./sweeper.ts";
export { CLAIMED, IN_TURN, ONE_TURN, inTurn } from "./turn-word.ts";
export { wakeWorkers } from "./wake.ts";
export { WorkLists, WorkRecord } from "./work-record.ts";
