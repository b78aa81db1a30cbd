/** The record of the CPU limiter (cpu-limiter.ts): float64 fields, two words each. One thread at a time writes it. */
import { record, type RecordLayout } from "@mallocgc/sysmem";

/** The layout of the limiter: on an even word. */
export const CpuLimiterRecord: RecordLayout<
  "enabled" | "fill" | "capacity" | "overflow" | "lastUpdate" | "nprocs" | "gcEnabled" | "transitioning" | "assistSeen" | "backgroundSeen" | "idleSeen" | "lastEnabledCycle"
> = record("cpu-limiter", 32, {
  enabled: { access: "owner", words: 2, doc: "1 while assists are not asked for; read by all" },
  fill: { access: "owner", words: 2, doc: "CPU time in the bucket, in ns; 0 to capacity" },
  capacity: { access: "owner", words: 2, doc: "CPU time that the bucket holds" },
  overflow: { access: "owner", words: 2, doc: "CPU time of collecting that did not fit, ever" },
  lastUpdate: { access: "owner", words: 2, doc: "up to when time was accounted for" },
  nprocs: { access: "owner", words: 2, doc: "threads whose time is accounted for" },
  gcEnabled: { access: "owner", words: 2, doc: "1 while a cycle marks" },
  transitioning: { access: "owner", words: 2, doc: "1 between start and finish of a transition" },
  assistSeen: { access: "owner", words: 2, doc: "the sum of assist time at the last update" },
  backgroundSeen: { access: "owner", words: 2, doc: "the sum of background time at the last update, where it is measured" },
  idleSeen: { access: "owner", words: 2, doc: "the sum of idle time at the last update" },
  lastEnabledCycle: { access: "owner", words: 2, doc: "the cycle in which limiting began last; 0: never" },
});
