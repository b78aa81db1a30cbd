/**
 * Go's benchmark format, as `go test -bench -benchmem` prints it and benchstat reads it: configuration lines `key: value`, then one
 * line per sample, tab-separated, `BenchmarkName-P  N  x ns/op  y B/op  z allocs/op`.
 *
 * Numbers are written as Go's testing package does: four significant digits, in a column that keeps the decimal points together.
 */
import { arch, availableParallelism, cpus, platform } from "node:os";

export interface BenchmarkLine {
  /** After `Benchmark`; without spaces. */
  readonly name: string;
  /** Operations timed. */
  readonly n: number;
  readonly nsPerOp: number;
  /** Absent where nothing is allocated from the heap that is measured. */
  readonly bytesPerOp?: number;
  readonly allocsPerOp?: number;
  /** Further figures by their unit, as Go's `b.ReportMetric` has them. */
  readonly extra?: Readonly<Record<string, number>>;
}

/** Lines that tell the machine, in the keys that Go uses, and what else a reader of the figures wants to know. */
export function configurationLines(goVersion: string | undefined): string[] {
  const os = platform();
  const cpu = arch();
  return [
    `goos: ${os === "win32" ? "windows" : os}`,
    `goarch: ${GOARCH[cpu] ?? cpu}`,
    "pkg: @mallocgc/benchmark",
    `cpu: ${cpus()[0]?.model.trim() ?? "unknown"}`,
    `node: ${process.version}`,
    `v8: ${process.versions.v8}`,
    `go: ${goVersion ?? "none"}`,
  ];
}

const GOARCH: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

export function benchmarkLine(line: BenchmarkLine): string {
  const cells = [`Benchmark${line.name}-${availableParallelism()}`, String(line.n).padStart(8), `${goNumber(line.nsPerOp)} ns/op`];
  for (const [unit, value] of Object.entries(line.extra ?? {})) cells.push(`${goNumber(value)} ${unit}`);
  if (line.bytesPerOp !== undefined) cells.push(`${String(Math.round(line.bytesPerOp)).padStart(8)} B/op`);
  if (line.allocsPerOp !== undefined) cells.push(`${String(line.allocsPerOp).padStart(8)} allocs/op`);
  return cells.join("\t");
}

/** A figure with four significant digits, right-aligned so that decimal points stand below one another. */
export function goNumber(x: number): string {
  for (const [above, width, digits] of PRECISION) {
    if (Math.abs(x) >= above) return x.toFixed(digits).padStart(width);
  }
  return x.toFixed(7).padStart(18);
}

/** From this magnitude on: so wide a column, so many decimals. */
const PRECISION: readonly (readonly [above: number, width: number, digits: number])[] = [
  [999.95, 10, 0],
  [99.995, 12, 1],
  [9.9995, 13, 2],
  [0.99995, 14, 3],
  [0.099995, 15, 4],
  [0.0099995, 16, 5],
  [0.00099995, 17, 6],
];
