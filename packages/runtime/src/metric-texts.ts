/** What each metric is: kind, whether it only grows, and a sentence for whoever looks at it. Kinds are Go's; a test holds them to a list recorded from Go. */

interface MetricText {
  readonly kind: "uint64" | "float64" | "float64-histogram";
  readonly cumulative: boolean;
  readonly description: string;
}

const counter = (description: string): MetricText => ({ kind: "uint64", cumulative: true, description });
const gauge = (description: string): MetricText => ({ kind: "uint64", cumulative: false, description });
const seconds = (description: string): MetricText => ({ kind: "float64", cumulative: true, description });
const histogram = (description: string): MetricText => ({ kind: "float64-histogram", cumulative: true, description });

const UP_TO_LAST = "Counted up to the end of the last cycle's marking.";
const NO_TINY = "A block of tiny objects counts as one.";
const PAUSES = "How long threads were held up by handshakes with the collector: each pause of each thread. Nobody is stopped, so these are far below a stop of the world.";

/** Path and unit of a metric, as in Go. */
export type MetricName =
  | "/cpu/classes/gc/mark/assist:cpu-seconds"
  | "/cpu/classes/gc/mark/dedicated:cpu-seconds"
  | "/cpu/classes/gc/pause:cpu-seconds"
  | "/cpu/classes/gc/total:cpu-seconds"
  | "/gc/cleanups/executed:cleanups"
  | "/gc/cleanups/queued:cleanups"
  | "/gc/cycles/automatic:gc-cycles"
  | "/gc/cycles/forced:gc-cycles"
  | "/gc/cycles/total:gc-cycles"
  | "/gc/finalizers/executed:finalizers"
  | "/gc/finalizers/queued:finalizers"
  | "/gc/gogc:percent"
  | "/gc/gomemlimit:bytes"
  | "/gc/heap/allocs-by-size:bytes"
  | "/gc/heap/allocs:bytes"
  | "/gc/heap/allocs:objects"
  | "/gc/heap/frees-by-size:bytes"
  | "/gc/heap/frees:bytes"
  | "/gc/heap/frees:objects"
  | "/gc/heap/goal:bytes"
  | "/gc/heap/live:bytes"
  | "/gc/heap/objects:objects"
  | "/gc/heap/tiny/allocs:objects"
  | "/gc/limiter/last-enabled:gc-cycle"
  | "/gc/pauses:seconds"
  | "/gc/scan/globals:bytes"
  | "/gc/scan/heap:bytes"
  | "/gc/scan/total:bytes"
  | "/memory/classes/heap/free:bytes"
  | "/memory/classes/heap/objects:bytes"
  | "/memory/classes/heap/released:bytes"
  | "/memory/classes/heap/unused:bytes"
  | "/memory/classes/metadata/mcache/free:bytes"
  | "/memory/classes/metadata/mcache/inuse:bytes"
  | "/memory/classes/metadata/mspan/free:bytes"
  | "/memory/classes/metadata/mspan/inuse:bytes"
  | "/memory/classes/metadata/other:bytes"
  | "/memory/classes/other:bytes"
  | "/memory/classes/profiling/buckets:bytes"
  | "/memory/classes/total:bytes"
  | "/sched/pauses/total/gc:seconds";

/** Each metric there is. */
export const METRIC_TEXTS: Readonly<Record<MetricName, MetricText>> = Object.freeze({
  "/cpu/classes/gc/mark/assist:cpu-seconds": seconds(`Time that allocating threads spent marking, to pay for what they allocate. ${UP_TO_LAST}`),
  "/cpu/classes/gc/mark/dedicated:cpu-seconds": seconds(`Time that background threads spent marking. ${UP_TO_LAST}`),
  "/cpu/classes/gc/pause:cpu-seconds": seconds("Time that threads were held up by handshakes with the collector, all threads added up."),
  "/cpu/classes/gc/total:cpu-seconds": seconds("Time spent collecting: the sum of the other /cpu/classes/gc metrics."),
  "/gc/cleanups/executed:cleanups": counter("Cleanups (heap.addCleanup) that their threads have run."),
  "/gc/cleanups/queued:cleanups": counter("Cleanups that became due. Less those executed: the ones that wait for their thread."),
  "/gc/cycles/automatic:gc-cycles": counter("Cycles, marking done, that began by themselves."),
  "/gc/cycles/forced:gc-cycles": counter("Cycles, marking done, that the program asked for."),
  "/gc/cycles/total:gc-cycles": counter("Cycles, marking done."),
  "/gc/finalizers/executed:finalizers": counter("Finalizers (heap.setFinalizer) that their threads have run."),
  "/gc/finalizers/queued:finalizers": counter("Finalizers that became due. Less those executed: the ones that wait for their thread."),
  "/gc/gogc:percent": gauge("Growth over what the last cycle found alive that begins the next one (gcPercent). Infinity: off."),
  "/gc/gomemlimit:bytes": gauge("The soft limit of all memory in use (memoryLimit). Infinity: none."),
  "/gc/heap/allocs-by-size:bytes": histogram(`Objects allocated, by the size of their slot. ${NO_TINY}`),
  "/gc/heap/allocs:bytes": counter("Bytes of objects allocated, by the size of their slots."),
  "/gc/heap/allocs:objects": counter(`Objects allocated. ${NO_TINY}`),
  "/gc/heap/frees-by-size:bytes": histogram(`Objects freed, by the size of their slot. ${NO_TINY}`),
  "/gc/heap/frees:bytes": counter("Bytes of objects freed, by the sweep or by hand."),
  "/gc/heap/frees:objects": counter(`Objects freed, by the sweep or by hand. ${NO_TINY}`),
  "/gc/heap/goal:bytes": gauge("Live bytes at which the cycle that runs or comes next should be over. Infinity: neither growth nor a limit begins one."),
  "/gc/heap/live:bytes": gauge("Bytes of objects that the last cycle found alive."),
  "/gc/heap/objects:objects": gauge(`Objects, live or not swept yet. ${NO_TINY}`),
  "/gc/heap/tiny/allocs:objects": counter("Tiny objects that were put into a block that was there already; the other metrics of objects leave them out."),
  "/gc/limiter/last-enabled:gc-cycle": gauge("The last cycle in which assists were turned off so that the program gets half of the CPU time. 0: never."),
  "/gc/pauses:seconds": histogram(`Deprecated in Go: the same as /sched/pauses/total/gc:seconds. ${PAUSES}`),
  "/gc/scan/globals:bytes": gauge("Bytes of roots that the last cycle scanned."),
  "/gc/scan/heap:bytes": gauge("Bytes of the heap that may hold pointers: what the last cycle scanned, and allocated since."),
  "/gc/scan/total:bytes": gauge("Bytes that a cycle may have to scan: heap and globals."),
  "/memory/classes/heap/free:bytes": gauge("Free pages, backed by memory that could go back to the operating system."),
  "/memory/classes/heap/objects:bytes": gauge("Objects, live or not swept yet, by the size of their slots."),
  "/memory/classes/heap/released:bytes": gauge("Free pages with no memory behind them: never touched, or given back to the operating system."),
  "/memory/classes/heap/unused:bytes": gauge("What spans in use hold beyond objects: free slots, and bits."),
  "/memory/classes/metadata/mcache/free:bytes": gauge("Records for threads that are not attached."),
  "/memory/classes/metadata/mcache/inuse:bytes": gauge("Records of attached threads."),
  "/memory/classes/metadata/mspan/free:bytes": gauge("Span records that no span uses."),
  "/memory/classes/metadata/mspan/inuse:bytes": gauge("Span records in use, those that threads keep at hand included."),
  "/memory/classes/metadata/other:bytes": gauge("Page tables, the collector's records, masks of tiny blocks."),
  "/memory/classes/other:bytes": gauge("All other records: types, roots, specials, work buffers."),
  "/memory/classes/profiling/buckets:bytes": gauge("Tables of profile buckets."),
  "/memory/classes/total:bytes": gauge("The region's bytes taken into use: the sum of the other /memory/classes metrics."),
  "/sched/pauses/total/gc:seconds": histogram(PAUSES),
});
