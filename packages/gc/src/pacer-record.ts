/**
 * The record of the pacer: what it was told to aim at, and what it decided. Every field is a float64, two words.
 *
 * One thread at a time writes it: the driver, or whoever changes a setting while no cycle is being driven. Every P reads the first line
 * plainly. A float64 on an even word is one load and one store in every engine that runs on 64 bits, so a reader gets the old figure or the
 * new one; that two figures may come from different moments does no harm: each is a hint that is made anew some thousand bytes later.
 *
 * What is counted while the program runs (bytes live, bytes scanned) is not here. Many threads add to those, a float64 cannot be added to
 * atomically, and each P has counters of its own anyway. The pacer is given the sums, as `PacerFigures`.
 */
import { record, type RecordLayout } from "@mallocgc/sysmem";

/** The layout of the pacer. On an even word; best aligned to a cache line, since the first line is what every P reads. */
export const PacerRecord: RecordLayout<
  | "assistWorkPerByte" | "assistBytesPerWork" | "nextTrigger" | "nextGoal" | "triggered" | "markStartTime" | "dedicatedMarkWorkers" | "fractionalUtilizationGoal"
  | "gcPercent" | "memoryLimit" | "heapMinimumBytes" | "heapMinimum" | "goalUtilization" | "backgroundUtilization"
  | "heapMarked" | "lastHeapScan" | "lastStackScan" | "gcPercentHeapGoal" | "sweepDistMinTrigger" | "runway"
  | "consMark" | "lastConsMark" | "lastHeapGoal" | "lastUtilization"
> = record("pacer", 64, {
  assistWorkPerByte: { access: "owner", words: 2, doc: "scan work that an allocating P owes for each byte, while a cycle runs" },
  assistBytesPerWork: { access: "owner", words: 2, doc: "its reciprocal, kept apart: the two turn figures from different sources into one another" },
  nextTrigger: { access: "owner", words: 2, doc: "live bytes at which the next cycle begins, as computed last" },
  nextGoal: { access: "owner", words: 2, doc: "live bytes at which a cycle should be over, as computed last" },
  triggered: { access: "owner", words: 2, doc: "live bytes when the running cycle began; Infinity when none runs" },
  markStartTime: { access: "owner", words: 2, doc: "when marking began, in ns" },
  dedicatedMarkWorkers: { access: "owner", words: 2, doc: "threads that do nothing but mark, in the running cycle" },
  fractionalUtilizationGoal: { access: "owner", words: 2, doc: "share of its time that each other P should mark; 0 when none" },
  gcPercent: { access: "owner", words: 2, doc: "growth allowed over what was marked, in percent; -1: no goal by growth" },
  memoryLimit: { access: "owner", words: 2, doc: "soft limit in bytes of all memory that is ready; 2^53 - 1: none" },
  heapMinimumBytes: { access: "owner", words: 2, doc: "the smallest goal at gcPercent 100, and the runway that a large heap with little to scan is given" },
  heapMinimum: { access: "owner", words: 2, doc: "the smallest goal by growth: heapMinimumBytes * gcPercent / 100" },
  goalUtilization: { access: "owner", words: 2, doc: "share of the CPUs that a cycle should take" },
  backgroundUtilization: { access: "owner", words: 2, doc: "share of the CPUs that background markers take; assists come on top" },
  heapMarked: { access: "owner", words: 2, doc: "bytes that the last cycle marked" },
  lastHeapScan: { access: "owner", words: 2, doc: "bytes of the heap that the last cycle scanned" },
  lastStackScan: { access: "owner", words: 2, doc: "bytes of stacks that the last cycle scanned" },
  gcPercentHeapGoal: { access: "owner", words: 2, doc: "the goal by growth; 2^53 - 1 when gcPercent is -1" },
  sweepDistMinTrigger: { access: "owner", words: 2, doc: "no cycle begins below, so that sweeping has room to end; 0: swept" },
  runway: { access: "owner", words: 2, doc: "bytes that the program will allocate while a cycle marks, as expected; Infinity: begin as early as allowed" },
  consMark: { access: "owner", words: 2, doc: "bytes allocated per byte scanned, each per CPU time spent on it: the estimate in use" },
  lastConsMark: { access: "owner", words: 8, doc: "the same as measured in the last four cycles, oldest first" },
  lastHeapGoal: { access: "owner", words: 2, doc: "the goal at the end of the last cycle" },
  lastUtilization: { access: "owner", words: 2, doc: "share of the CPUs that the last cycle took, background and assists" },
});
