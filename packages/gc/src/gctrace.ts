/**
 * The trace lines of a cycle, in Go's formats (`GODEBUG=gctrace=1` and `gcpacertrace=1`), so that Go's tools read ours.
 *
 *     gc 7 @0.512s 3%: 0.018+1.2+0.003 ms clock, 0.073+0.35/1.0/3.0+0.012 ms cpu, 4->4->1 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 4 P
 *        |  |       |   |            |           |     |    |   |   |             |  |  |    |
 *        |  since   |   wall clock:  end         CPU:  |    |   idle end          |  |  marked
 *        cycle  start   begin, mark                begin  |  background           |  at the end
 *                   share of all CPU time                 assists                 live when it began
 *
 * Times are cut off, not rounded, to two digits with at most three decimals; from 10 ms on to whole ms. Sizes are cut off to MiB. Where Go's
 * first and last times are those of its two stops, ours are how long it took until every P had taken notice of the beginning and of the end.
 */

/** What a cycle's line says. Times in ns, sizes in bytes. */
export interface GcTraceFigures {
  /** The cycle's number, from 1. */
  readonly cycle: number;
  /** When the cycle began, since the heap began. */
  readonly start: number;
  /** The share of all CPU time since the heap began that went into collecting, 0 to 1. */
  readonly cpuFraction: number;
  /** Wall time of the beginning, of marking, of the end. */
  readonly clock: readonly [begin: number, mark: number, end: number];
  /** CPU time of the beginning, of assists, of background markers, of idle markers, of the end. */
  readonly cpu: readonly [begin: number, assist: number, background: number, idle: number, end: number];
  /** Live bytes when the cycle began, when marking ended, and what was marked. */
  readonly heap: readonly [begin: number, end: number, marked: number];
  readonly goal: number;
  readonly stacks: number;
  readonly globals: number;
  readonly procs: number;
  readonly forced: boolean;
}

/** What the pacer says when a cycle begins. */
export interface PacerStartFigures {
  readonly assistWorkPerByte: number;
  readonly heapScan: number;
  readonly heapLive: number;
  readonly goal: number;
  readonly dedicatedMarkWorkers: number;
  readonly fractionalUtilizationGoal: number;
}

/** What the pacer says when a cycle ends. Bytes, except for the two shares and `consMark`. */
export interface PacerEndFigures {
  readonly utilization: number;
  readonly goalUtilization: number;
  readonly heapScanWork: number;
  readonly stackScanWork: number;
  readonly globalsScanWork: number;
  readonly expectedWork: number;
  readonly triggered: number;
  readonly heapLive: number;
  readonly goal: number;
  /** The estimate that the cycle was paced by, not the one that its end gave. */
  readonly consMark: number;
}

const MIB = 1 << 20;

/** The line of a cycle that is over. No newline. */
export function formatGcTrace(f: GcTraceFigures): string {
  const clock = f.clock.map(formatMs).join("+");
  const [begin, assist, background, idle, end] = f.cpu;
  const cpu = `${formatMs(begin)}+${formatMs(assist)}/${formatMs(background)}/${formatMs(idle)}+${formatMs(end)}`;
  return (
    `gc ${f.cycle} @${formatDecimal(Math.floor(f.start / 1e6), 3)}s ${Math.trunc(f.cpuFraction * 100)}%: ${clock} ms clock, ${cpu} ms cpu, ` +
    `${f.heap.map(mib).join("->")} MB, ${mib(f.goal)} MB goal, ${mib(f.stacks)} MB stacks, ${mib(f.globals)} MB globals, ` +
    `${f.procs} P${f.forced ? " (forced)" : ""}`
  );
}

/** The pacer's line for a cycle that begins. */
export function formatPacerStart(f: PacerStartFigures): string {
  return (
    `pacer: assist ratio=${formatGoFloat(f.assistWorkPerByte)} (scan ${mib(f.heapScan)} MB in ${mib(f.heapLive)}->${mib(f.goal)} MB) ` +
    `workers=${f.dedicatedMarkWorkers}+${formatGoFloat(f.fractionalUtilizationGoal)}`
  );
}

/** The pacer's line for a cycle that is over. */
export function formatPacerEnd(f: PacerEndFigures): string {
  return (
    `pacer: ${Math.trunc(f.utilization * 100)}% CPU (${Math.trunc(f.goalUtilization * 100)} exp.) for ` +
    `${f.heapScanWork}+${f.stackScanWork}+${f.globalsScanWork} B work (${f.expectedWork} B exp.) ` +
    `in ${f.triggered} B -> ${f.heapLive} B (∆goal ${f.heapLive - f.goal}, cons/mark ${formatGoFloat(f.consMark)})`
  );
}

/** A time in ns as milliseconds: 12 ms and more whole, less with two digits and at most three decimals. */
export function formatMs(ns: number): string {
  if (ns >= 10e6) return String(Math.floor(ns / 1e6));
  let x = Math.floor(ns / 1e3);
  if (x === 0) return "0";
  let decimals = 3;
  for (; x >= 100; decimals--) x = Math.floor(x / 10);
  return formatDecimal(x, decimals);
}

/** `value` with its last `decimals` digits behind the point. */
function formatDecimal(value: number, decimals: number): string {
  if (decimals === 0) return String(value);
  const digits = String(value).padStart(decimals + 1, "0");
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** A number as Go's `print` shows it: the fewest digits that mean it, with an exponent of at least two digits below 1e-4 and from 1e6 on. */
export function formatGoFloat(x: number): string {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "+Inf" : "-Inf";
  const size = Math.abs(x);
  if (size === 0) return Object.is(x, -0) ? "-0" : "0";
  if (size >= 1e-4 && size < 1e6) return String(x);
  const [mantissa, exponent] = x.toExponential().split("e") as [string, string];
  return `${mantissa}e${exponent[0]!}${exponent.slice(1).padStart(2, "0")}`;
}

function mib(bytes: number): number {
  return Math.floor(bytes / MIB);
}
