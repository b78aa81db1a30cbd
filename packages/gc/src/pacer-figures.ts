/**
 * What the pacer is given: figures that are counted elsewhere, times, settings.
 *
 * All are plain numbers, in bytes and ns, so that the pacer can be driven by a heap, by a recording or by a simulated program alike. What Go
 * keeps in one structure with the pacer's decisions stands apart here, since threads count in ways of their own (each P in its record, or
 * atomically in a word of the region), and the sums are made when somebody asks.
 */

/** What is counted elsewhere, as sums over all threads at about one moment. An object that its owner fills in before each call. */
export interface PacerFigures {
  /** Bytes kept by the last cycle and allocated since; it counts a whole span when a P takes one, so it errs upward. */
  readonly heapLive: number;
  /** Of these, bytes that may hold pointers. Rests while a cycle runs. */
  readonly heapScan: number;
  /** Bytes of stacks (here: roots that come and go with turns) there are. */
  readonly maxStackScan: number;
  /** Bytes of globals (here: named roots) there are. */
  readonly globalsScan: number;
  /** Bytes scanned in this cycle so far, by all threads. */
  readonly heapScanWork: number;
  readonly stackScanWork: number;
  readonly globalsScanWork: number;
  /** Bytes of the region that the operating system has behind them. Only a memory limit asks for this and the next two. */
  readonly mappedReady: number;
  /** Of these, bytes in free pages. */
  readonly heapFree: number;
  /** Bytes in objects that were allocated and not freed yet. */
  readonly heapAlloc: number;
}

/** How long a cycle's marking took, and who did it. Times in ns. */
export interface CycleTimes {
  readonly now: number;
  /** Threads that could run the program or mark: what utilization is a share of. */
  readonly procs: number;
  /** CPU time of assists. */
  readonly assistTime: number;
  /** CPU time of markers that took a P which had nothing else to do. */
  readonly idleMarkTime: number;
}

/** What a pacer aims at. */
export interface PacerOptions {
  /** Growth in percent, as in Go: 100 doubles. Below 0: no goal by growth. 100 unless said. */
  readonly gcPercent?: number;
  /** Soft limit in bytes; none unless said. */
  readonly memoryLimit?: number;
  /** The smallest goal at `gcPercent` 100; 4 MiB unless said, as in Go. */
  readonly heapMinimumBytes?: number;
}
