/** The comment that ends Go's text profile: `runtime.MemStats`, line by line in Go's order. A figure that the source does not have has no line. */

/** Go's runtime.MemStats, as far as the source has it. Bytes, counts, and nanoseconds. */
export interface MemStatsFigures {
  readonly Alloc?: number;
  readonly TotalAlloc?: number;
  readonly Sys?: number;
  readonly Lookups?: number;
  readonly Mallocs?: number;
  readonly Frees?: number;
  readonly HeapAlloc?: number;
  readonly HeapSys?: number;
  readonly HeapIdle?: number;
  readonly HeapInuse?: number;
  readonly HeapReleased?: number;
  readonly HeapObjects?: number;
  readonly StackInuse?: number;
  readonly StackSys?: number;
  readonly MSpanInuse?: number;
  readonly MSpanSys?: number;
  readonly MCacheInuse?: number;
  readonly MCacheSys?: number;
  readonly BuckHashSys?: number;
  readonly GCSys?: number;
  readonly OtherSys?: number;
  readonly NextGC?: number;
  readonly LastGC?: number;
  readonly NumGC?: number;
  readonly NumForcedGC?: number;
  readonly GCCPUFraction?: number;
}

/** Two figures on one line are in use and from the system. */
const LINES: readonly (readonly [name: string, figure: keyof MemStatsFigures, sys?: keyof MemStatsFigures])[] = [
  ["Alloc", "Alloc"], ["TotalAlloc", "TotalAlloc"], ["Sys", "Sys"], ["Lookups", "Lookups"], ["Mallocs", "Mallocs"], ["Frees", "Frees"],
  ["HeapAlloc", "HeapAlloc"], ["HeapSys", "HeapSys"], ["HeapIdle", "HeapIdle"], ["HeapInuse", "HeapInuse"], ["HeapReleased", "HeapReleased"],
  ["HeapObjects", "HeapObjects"],
  ["Stack", "StackInuse", "StackSys"], ["MSpan", "MSpanInuse", "MSpanSys"], ["MCache", "MCacheInuse", "MCacheSys"],
  ["BuckHashSys", "BuckHashSys"], ["GCSys", "GCSys"], ["OtherSys", "OtherSys"],
  ["NextGC", "NextGC"], ["LastGC", "LastGC"], ["NumGC", "NumGC"], ["NumForcedGC", "NumForcedGC"], ["GCCPUFraction", "GCCPUFraction"],
];

/** The lines, with their heading. */
export function memStatsLines(figures: MemStatsFigures): string[] {
  const lines = ["# runtime.MemStats"];
  for (const [name, figure, sys] of LINES) {
    const values = (sys === undefined ? [figure] : [figure, sys]).map((each) => figures[each]);
    if (values.every((value) => value !== undefined)) lines.push(`# ${name} = ${values.map(goNumber).join(" / ")}`);
  }
  return lines;
}

/** As Go's %v prints it: below 1e-4 with an exponent of two digits. */
function goNumber(n: number): string {
  if (n === 0 || Math.abs(n) >= 1e-4) return `${n}`;
  return n.toExponential().replace(/e-(\d)$/, "e-0$1");
}
