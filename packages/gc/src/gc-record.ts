/**
 * The collector's own records in the region: what all threads share of it, and what each P has of it.
 *
 *      gc      line 0      read by everybody, written once in a phase
 *              line 1      live bytes: added to at every refill
 *              line 2      the driver's seat, and where workers sleep
 *              line 3      who is at work: markers and whoever waits for them
 *              line 4 on   figures of the cycle, written by the driver
 *      gcP     part of a P's record; the driver reads it, and writes it only while it has claimed the P (turn-word.ts)
 *
 * Bytes are counted in units of 8 (every slot is a multiple), so that 4 GiB fit a signed word and can be added to atomically.
 */
import { record, type RecordLayout, type TableSpec } from "@mallocgc/sysmem";
import { CpuLimiterRecord } from "./cpu-limiter-record.ts";
import { PacerRecord } from "./pacer-record.ts";
import { PAUSE_ROWS, PauseRow } from "./pause-log.ts";
import { SweepPacingRecord } from "./sweep-pacing.ts";
import { TimeHistogramRecord } from "./time-histogram.ts";
import { WorkLists, WorkRecord } from "./work-record.ts";

/** Bytes that one unit of a byte counter stands for. */
export const UNIT = 8;
/** The trigger's word when growth begins no cycle. */
export const NO_TRIGGER = 0x7fffffff;

/** The trigger's word for so many live bytes. */
export function triggerWord(bytes: number): number {
  return Math.min(Math.ceil(bytes / UNIT), NO_TRIGGER);
}
/** Entries of a P's grey buffer, as of Go's write barrier buffer. */
export const GREY_ENTRIES = 512;
/** Bytes that a P has as a marker, for ever: its work, the histogram of its pauses, its grey buffer. */
export const MARKER_BYTES: number = (WorkRecord.words + TimeHistogramRecord.words + GREY_ENTRIES) * 4;
/** Cycles whose figures are kept. */
export const CYCLES_KEPT = 64;

const gcFields = {
  phase: { access: "atomic", doc: "phase and cycle number (phase.ts)" },
  flushSeq: { access: "atomic", doc: "rounds of flushing asked for; each P answers with its own flushSeen" },
  trigger: { access: "atomic", doc: "live bytes at which the next cycle begins, in units; 0x7fffffff when growth begins none" },
  sweeping: { access: "atomic", doc: "1 while spans are unswept" },
  marking: { access: "atomic", doc: "1 while there may be marking work to assist with: from the roots on to the decision" },
  limiting: { access: "atomic", doc: "1 while the CPU limiter asks for no assists" },
  gcPercentOff: { access: "atomic", doc: "1 when gcPercent is off, and no periodic cycle is due" },
  lostObjects: { access: "atomic", doc: "reachable objects that marking missed, as found by second marks (gcCheckMark)" },
  lostAddr: { access: "atomic", doc: "the address of the last of them" },
  lostFrom: { access: "atomic", doc: "the address of the word that led there" },
  readLine: { access: "const", words: 6, doc: "padding" },

  heapLive: { access: "atomic", doc: "bytes live after the last cycle and allocated since, in units; whole spans when they are taken" },
  heapScan: { access: "atomic", doc: "of these, bytes that may hold pointers, in units" },
  liveLine: { access: "const", words: 14, doc: "padding" },

  driver: { access: "atomic", doc: "who drives the cycle: P id + 1; 0 nobody" },
  step: { access: "atomic", doc: "what the driver does next (cycle.ts)" },
  wake: { access: "atomic", doc: "counts everything a sleeping worker may wait for; workers sleep on it" },
  wanted: { access: "atomic", doc: "cycles asked for and not begun, a bit each: 1 by growth, 2 by time, 4 by request" },
  workers: { access: "atomic", doc: "background workers at work or asleep" },
  cyclesBegun: { access: "atomic", doc: "cycles begun" },
  cyclesDone: { access: "atomic", doc: "cycles whose marking is over; waited on" },
  cyclesSwept: { access: "atomic", doc: "cycles whose sweep is over too; waited on" },
  forced: { access: "atomic", doc: "of the cycles begun, those by request" },
  markGen: { access: "atomic", doc: "the heap's sweepgen while this cycle marks: the generation of the spans that are marked" },
  roundSeq: { access: "atomic", doc: "workSeq when the round of flushing began; the driver's" },
  roundRevived: { access: "atomic", doc: "revived when the round of flushing began; the driver's" },
  liveAtBegin: { access: "atomic", doc: "heapLive when the cycle began, in units; the driver's" },
  reason: { access: "atomic", doc: "why the cycle began: the bits of wanted; the driver's" },
  driverLine: { access: "const", words: 2, doc: "padding" },

  workSeq: { access: "atomic", doc: "raised whenever work is handed over, and before a thread begins to mark" },
  revived: { access: "atomic", doc: "unmarked objects that a weak ref has given out in this cycle" },
  idleMarkers: { access: "atomic", doc: "workers that look for marking work and find none" },
  bgCredit: { access: "atomic", doc: "bytes scanned in the background that assists have not used, in units" },
  pagesSwept: { access: "atomic", doc: "pages swept in this cycle" },
  reclaimIndex: { access: "atomic", doc: "page that the page reclaimer looks at next" },
  idleUs: { access: "atomic", doc: "CPU time of threads that mark in this cycle because they have nothing else to do, in us" },
  workLine: { access: "const", words: 9, doc: "padding" },

  assistUs: { access: "atomic", doc: "CPU time of assists in this cycle, in us" },
  markUs: { access: "atomic", doc: "CPU time of background markers in this cycle, in us" },
  maxStallUs: { access: "atomic", doc: "the longest that an operation of any thread was held up by the collector since this was last asked, in us" },
  scavAssistUs: { access: "atomic", doc: "CPU time in which allocating threads gave pages back, since this cycle began, in us" },
  beginAt: { access: "owner", words: 2, doc: "when the cycle began, in ms since 1970, as float64" },
  rootsAt: { access: "owner", words: 2, doc: "when its roots were marked" },
  roundAt: { access: "owner", words: 2, doc: "when its last round of flushing began" },
  rootBytes: { access: "owner", words: 2, doc: "bytes of roots it found" },
  lastCycleAt: { access: "owner", words: 2, doc: "when the last cycle began, in ms since 1970, as float64" },
  heapStart: { access: "owner", words: 2, doc: "when the heap was made, in ms since 1970, as float64" },
  gcNs: { access: "owner", words: 2, doc: "CPU time of collecting in all cycles, in ns, as float64" },
  scanStart: { access: "owner", words: 2, doc: "bytes that all markers had scanned when this cycle began, as float64" },
  markedStart: { access: "owner", words: 2, doc: "bytes that all markers had marked when this cycle began, as float64" },
  maxPauseNs: { access: "atomic", doc: "the longest pause of any thread since the last cycle's marking was over, in ns, unsigned (pause-log.ts)" },
  noteLine: { access: "const", words: 9, doc: "padding" },
} as const;

/** The layout of the collector's record: whole cache lines. */
export const GcRecord: RecordLayout<keyof typeof gcFields> = record("gc", 96, gcFields);

const cycleFields = {
  cycle: { access: "owner", words: 2, doc: "the cycle's number, from 1; 0: nothing noted yet; written last" },
  start: { access: "owner", words: 2, doc: "when it began, ns since the heap was made" },
  cpuFraction: { access: "owner", words: 2, doc: "share of all CPU time since then that went into collecting" },
  beginNs: { access: "owner", words: 2, doc: "until every P had its barrier on and had passed a turn's end" },
  markNs: { access: "owner", words: 2, doc: "roots and marking" },
  endNs: { access: "owner", words: 2, doc: "the last round of flushing" },
  assistNs: { access: "owner", words: 2, doc: "CPU time of assists" },
  backgroundNs: { access: "owner", words: 2, doc: "CPU time of background markers" },
  idleNs: { access: "owner", words: 2, doc: "CPU time of threads that had nothing else to do" },
  heapBegin: { access: "owner", words: 2, doc: "live bytes when it began" },
  heapEnd: { access: "owner", words: 2, doc: "live bytes when marking was over" },
  heapMarked: { access: "owner", words: 2, doc: "bytes that were marked, or new" },
  goal: { access: "owner", words: 2, doc: "the goal, in bytes" },
  globals: { access: "owner", words: 2, doc: "bytes of roots" },
  procs: { access: "owner", words: 2, doc: "threads attached, workers included" },
  forced: { access: "owner", words: 2, doc: "1 when it was asked for" },
  maxStallNs: { access: "owner", words: 2, doc: "the longest that an operation was held up, from the end of the last cycle's marking to the end of this one's" },
  endAt: { access: "owner", words: 2, doc: "when its marking was over, in ms since 1970" },
  pauseNs: { access: "owner", words: 2, doc: "its longest pause (pause-log.ts)" },
  pauseTotalNs: { access: "owner", words: 2, doc: "that of all cycles up to this one, added up" },
  assistTotalNs: { access: "owner", words: 2, doc: "CPU time of assists in all of them" },
  backgroundTotalNs: { access: "owner", words: 2, doc: "CPU time of background markers in all of them" },
  forcedTotal: { access: "owner", words: 2, doc: "how many of them were asked for" },

  assistWorkPerByte: { access: "owner", words: 2, doc: "the assist ratio that it began with" },
  heapScan: { access: "owner", words: 2, doc: "bytes that might hold pointers when it began" },
  goalAtBegin: { access: "owner", words: 2, doc: "its goal when it began, in bytes" },
  dedicatedMarkWorkers: { access: "owner", words: 2, doc: "markers that the pacer asked for" },
  fractionalUtilizationGoal: { access: "owner", words: 2, doc: "share of its time that each other P should have marked" },
  utilization: { access: "owner", words: 2, doc: "share of the CPUs that marking took" },
  goalUtilization: { access: "owner", words: 2, doc: "share that it should have taken" },
  heapScanWork: { access: "owner", words: 2, doc: "bytes of the heap that were scanned" },
  expectedWork: { access: "owner", words: 2, doc: "bytes, heap and roots, that were expected to be" },
  triggered: { access: "owner", words: 2, doc: "live bytes at which the pacer saw it begin" },
  consMark: { access: "owner", words: 2, doc: "the estimate of cons/mark that it was paced by" },

  swept: { access: "owner", words: 2, doc: "the cycle's number once all is swept and what follows is written; 0 before" },
  releasedBg: { access: "owner", words: 2, doc: "bytes given back to the system in the background since the last cycle was swept" },
  releasedEager: { access: "owner", words: 2, doc: "bytes that allocating threads gave back since then" },
  heapReleased: { access: "owner", words: 2, doc: "HeapReleased" },
  heapInUse: { access: "owner", words: 2, doc: "HeapInuse" },
  heapRetained: { access: "owner", words: 2, doc: "HeapSys - HeapReleased" },
  controllerReset: { access: "owner", words: 2, doc: "1 when the scavenger's controller has failed since the last cycle was swept" },
} as const;

/** The layout of the figures kept of a cycle: all float64; what is told when it begins, when its marking ends, when it is swept. */
export const CycleFigures: RecordLayout<keyof typeof cycleFields> = record("gcCycle", 82, cycleFields);

const pFields = {
  phaseSeen: { access: "atomic", doc: "the phase word that this P has acked" },
  turn: { access: "atomic", doc: "in a turn, claimed, and how many (turn-word.ts)" },
  flushSeen: { access: "atomic", doc: "the flushSeq that this P has answered" },
  graceTurn: { access: "owner", doc: "the turn word at the beginning of the grace period; the driver's" },
  marking: { access: "atomic", doc: "1 while this P has work of its own in hand, or is about to take some" },
  greyLen: { access: "owner", doc: "entries of the grey buffer" },
  assistDebt: { access: "owner", doc: "bytes allocated and not paid for by marking, in units" },
  maxStallUs: { access: "owner", doc: "the longest that an operation of this P was held up by the collector, in us" },
  turnSince: { access: "owner", words: 2, doc: "ms since 1970, modulo 2^31, when the driver first waited for this turn (0: it does not), and which turn; the driver's" },
  work: { access: "const", doc: "word index of this P's record as a marker; 0 until a thread first was this P" },
  grey: { access: "const", doc: "word index of its grey buffer: addresses shaded and not marked yet" },
  pauses: { access: "const", doc: "word index of the histogram of its pauses (time-histogram.ts)" },
} as const;

/** The layout of a P's part of the collector. */
export const GcProcessor: RecordLayout<keyof typeof pFields> = record("gcP", 16, pFields);

/** The tables of the collector in a region. */
export function gcTables(): TableSpec[] {
  return [
    { name: "gc", bytes: GcRecord.words * 4, align: 64, doc: "the collector's words" },
    { name: "gc.work", bytes: WorkLists.words * 4, align: 64, doc: "the lists of work buffers that markers share" },
    { name: "gc.pacer", bytes: PacerRecord.words * 4, align: 64, doc: "the pacer's figures" },
    { name: "gc.limiter", bytes: CpuLimiterRecord.words * 4, align: 64, doc: "the CPU limiter's figures" },
    { name: "gc.sweepPacing", bytes: SweepPacingRecord.words * 4, align: 64, doc: "how fast spans are to be swept" },
    { name: "gc.cycles", bytes: CYCLES_KEPT * CycleFigures.words * 4, align: 64, doc: "the figures of the last cycles" },
    { name: "gc.pauses", bytes: PAUSE_ROWS * PauseRow.words * 4, align: 64, doc: "the longest pause of each of the last cycles" },
  ];
}
