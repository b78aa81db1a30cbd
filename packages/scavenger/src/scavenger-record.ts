/**
 * What all threads share of the scavenger.
 *
 *      scavenger   line 0      where the next search for free pages begins, and counters: many threads
 *                  line 1..    goals (read by all), pacing (the background thread's): float64, two words each
 *
 * A float64 on an even word is one load and one store, so a reader gets the old figure or the new one. That two of them may come from
 * different moments does no harm: each is made anew at the end of every cycle.
 */
import { record, type RecordLayout } from "@mallocgc/sysmem";

/** Layout of the scavenger's own record. On an even word; best aligned to a cache line. */
export const ScavengerRecord: RecordLayout<
  | "gen" | "searchAddrBg" | "searchAddrForce" | "freeHwm" | "wake" | "releasedBg" | "releasedEager" | "failures" | "sharedLine"
  | "gcPercentGoal" | "memoryLimitGoal"
  | "lastHeapInUse" | "parked" | "sleepStart" | "sleepUntil" | "worked" | "sleepRatio" | "cooldown" | "errIntegral" | "errOverflow" | "inputOverflow" | "controllerReset" | "backgroundTime"
> = record("scavenger", 48, {
  gen: { access: "lock:heap", doc: "generation of the index: how many cycles have ended" },
  searchAddrBg: { access: "atomic", doc: "highest page that may be scavenged in the background; below 0: raised to -page and not seen yet; 0: none" },
  searchAddrForce: { access: "atomic", doc: "the same, when forced" },
  freeHwm: { access: "lock:heap", doc: "highest page that was freed in this generation" },
  wake: { access: "atomic", doc: "1: the background thread is to look for work" },
  releasedBg: { access: "atomic", doc: "pages released in the background since the last line of scavtrace" },
  releasedEager: { access: "atomic", doc: "pages released by allocating threads since then" },
  failures: { access: "atomic", doc: "releases that the operating system refused, ever" },
  sharedLine: { access: "const", words: 8, doc: "padding" },

  gcPercentGoal: { access: "owner", words: 2, doc: "bytes to retain, by growth; Infinity: none, or met" },
  memoryLimitGoal: { access: "owner", words: 2, doc: "bytes to have ready, by memory limit; Infinity: none, or met" },
  lastHeapInUse: { access: "owner", words: 2, doc: "bytes of spans in use when the last cycle's marking ended: the most of that cycle" },
  parked: { access: "owner", words: 2, doc: "1: the background thread has nothing to do until it is woken" },
  sleepStart: { access: "owner", words: 2, doc: "when its last batch ended, in ns" },
  sleepUntil: { access: "owner", words: 2, doc: "when its next batch is due, in ns; 0: it does not sleep" },
  worked: { access: "owner", words: 2, doc: "ns that its last batch counts for" },
  sleepRatio: { access: "owner", words: 2, doc: "time to work per time to sleep" },
  cooldown: { access: "owner", words: 2, doc: "ns for which the controller is left alone" },
  errIntegral: { access: "owner", words: 2, doc: "the controller's integral" },
  errOverflow: { access: "owner", words: 2, doc: "1 once the integral has overflowed" },
  inputOverflow: { access: "owner", words: 2, doc: "1 once the controller's input has" },
  controllerReset: { access: "owner", words: 2, doc: "1: the next line of scavtrace says that the controller failed" },
  backgroundTime: { access: "owner", words: 2, doc: "ns of background work, ever" },
});
