/**
 * The plan of a run: which implementation does which case, with how much memory and how many operations, and what is left out and why.
 *
 * A child process stays below 3 GiB: fresh memory is bounded by FRESH_BYTES, live blocks by LIVE_BYTES, and what does not fit
 * is skipped with the sum that shows it. Nothing is dropped silently.
 */
import { caseLabel, FAMILIES, HEAP_BYTES, isObjectCase, type BenchCase, type BlockCase, type CaseName, type ImplementationId } from "./cases.ts";
import { meanSize, type Distribution } from "./distribution.ts";
import type { Job } from "./job.ts";
import type { ObjectCase } from "./object-cases.ts";

const MIB = 1024 * 1024;
/** Blocks that alloc-fresh takes in one sample, all threads together. */
const FRESH_BYTES = 1024 * MIB;
const FRESH_OPS = 4_000_000;
/** With several threads: a short run would be decided by who starts first. */
const FRESH_OPS_TOGETHER = 16_000_000;
/** Blocks that may be live at once, all threads together. */
const LIVE_BYTES = 1280 * MIB;
/** A heap that metadata fills. */
const FILL_BYTES = 256 * MIB;
/** A heap of objects that is collected: 512 MiB live, as much again before a collection ends, and room for what lies between. */
const OBJECTS_HEAP_BYTES = 1536 * MIB;
/** What gc-alloc allocates while the clock runs: several times what is live, and so several collections. */
const STEADY_BYTES = 512 * MIB;
/** How long the timed part of a sample takes where the number of operations is free to choose. */
const TARGET_MS = 60;
/** Longer where the engine's collection, which comes at intervals, is part of the cost. */
const TARGET_COLLECTED_MS = 120;

/**
 * `shared`: one heap serves all threads. `isolated`: each thread works for itself, but in competition for the memory of the
 * process. `single`: made for one thread; two private copies would only repeat the figure for one, so it is not measured with more.
 */
type Threading = "shared" | "isolated" | "single";

const THREADING: Readonly<Record<ImplementationId, Threading>> = {
  mallocgc: "shared",
  go: "shared",
  "thi.ng": "single",
  assemblyscript: "single",
  uint8array: "isolated",
  buffer: "isolated",
  js: "isolated",
};

const COLLECTED: ReadonlySet<ImplementationId> = new Set(["uint8array", "buffer"]);

/** Everyone who has blocks. */
const BLOCKS: readonly ImplementationId[] = ["mallocgc", "go", "thi.ng", "assemblyscript", "uint8array", "buffer"];

/** Who has something to be timed in each case. */
const TAKES_PART: Readonly<Record<CaseName, readonly ImplementationId[]>> = {
  "alloc-fresh": BLOCKS,
  "free-ring": BLOCKS,
  "free-random": BLOCKS,
  "create-heap": ["mallocgc", "thi.ng", "assemblyscript"],
  "attach-heap": ["mallocgc"],
  metadata: ["mallocgc"],
  "gc-mark": ["mallocgc", "go", "assemblyscript", "js"],
  "gc-alloc": ["mallocgc", "go", "assemblyscript", "uint8array", "js"],
  "binary-trees": ["mallocgc", "go", "assemblyscript", "js"],
  "mutator-latency": ["mallocgc", "go", "assemblyscript", "js"],
  "field-access": ["mallocgc", "js"],
  "map-access": ["mallocgc", "js"],
};

/** Objects of plain JavaScript have no bytes to fill them up with: they take part where their fields come to about the size. */
const JS_OBJECTS_UP_TO = 64;
/** An array of bytes takes ten times its bytes below this size: nobody would take one for them. */
const BYTE_ARRAYS_FROM = 64;

function takesPart(c: BenchCase, impl: ImplementationId): boolean {
  if (c.case === "gc-alloc" && impl === "js") return c.size <= JS_OBJECTS_UP_TO;
  if (c.case === "gc-alloc" && impl === "uint8array") return !c.pointers && c.size >= BYTE_ARRAYS_FROM;
  return TAKES_PART[c.case].includes(impl);
}

export interface PlannedCase {
  readonly benchCase: BenchCase;
  readonly samples: number;
  /** One per implementation, in the order of a round. */
  readonly jobs: readonly Job[];
}

export interface Skipped {
  readonly what: string;
  readonly why: string;
}

export interface Plan {
  readonly cases: readonly PlannedCase[];
  readonly skipped: readonly Skipped[];
}

export interface PlanInput {
  readonly cases: readonly BenchCase[];
  readonly samples: number;
  readonly filter: RegExp | undefined;
  readonly distribution: Distribution | undefined;
  /** Why an implementation cannot be run on this machine. */
  readonly missing: ReadonlyMap<ImplementationId, string>;
}

/** What a result is called, after `Benchmark`: what `--filter` is matched against. */
export function benchmarkName(c: BenchCase, impl: ImplementationId): string {
  return `${FAMILIES[c.case]}/${caseLabel(c)}/impl=${impl}`;
}

export function makePlan(input: PlanInput): Plan {
  const cases: PlannedCase[] = [];
  const skipped: Skipped[] = [];
  const missingAndWanted = new Set<ImplementationId>();
  const keptToOneThread = new Set<ImplementationId>();
  for (const benchCase of input.cases) {
    const wanted = TAKES_PART[benchCase.case].filter((impl) => takesPart(benchCase, impl) && (input.filter?.test(benchmarkName(benchCase, impl)) ?? true));
    if (wanted.length === 0) continue;
    const obstacle = isObjectCase(benchCase) ? undefined : whyImpossible(benchCase, input.distribution);
    if (obstacle !== undefined) {
      skipped.push({ what: caseLabel(benchCase), why: obstacle });
      continue;
    }
    const jobs: Job[] = [];
    for (const impl of wanted) {
      if (input.missing.has(impl)) missingAndWanted.add(impl);
      else if (benchCase.threads > 1 && THREADING[impl] === "single") keptToOneThread.add(impl);
      else jobs.push(makeJob(benchCase, impl, input.distribution));
    }
    if (jobs.length > 0) cases.push({ benchCase, samples: takesLong(benchCase) ? Math.min(3, input.samples) : input.samples, jobs });
  }
  for (const impl of missingAndWanted) skipped.push({ what: `impl=${impl}`, why: input.missing.get(impl)! });
  for (const impl of keptToOneThread) {
    skipped.push({ what: `impl=${impl} with several threads`, why: "its memory cannot be shared; private copies would repeat the figure for one thread" });
  }
  return { cases, skipped };
}

/** What takes seconds for each sample: the cases that are collected have several collections within one, and on a million live blocks no promise rests. */
function takesLong(c: BenchCase): boolean {
  if (isObjectCase(c)) return "markers" in c;
  return c.live !== undefined && c.live !== 10_000;
}

function whyImpossible(c: BlockCase, distribution: Distribution | undefined): string | undefined {
  if (c.size === "mixed" && distribution === undefined) return "data/demo-sizes.json is not there";
  const bytes = (c.live ?? 0) * c.threads * meanSize(c.size, distribution);
  if (bytes > LIVE_BYTES) return `${inMiB(bytes)} of live blocks; a sample may hold ${inMiB(LIVE_BYTES)}`;
  return undefined;
}

function makeJob(c: BenchCase, impl: ImplementationId, distribution: Distribution | undefined): Job {
  return isObjectCase(c) ? objectJob(c, impl) : blockJob(c, impl, distribution);
}

function objectJob(c: ObjectCase, impl: ImplementationId): Job {
  const job = { ...c, impl, targetMs: TARGET_MS, seed: 1, heapBytes: OBJECTS_HEAP_BYTES };
  return c.case === "gc-alloc" ? { ...job, ops: Math.floor(STEADY_BYTES / c.size) } : job;
}

function blockJob(c: BlockCase, impl: ImplementationId, distribution: Distribution | undefined): Job {
  const job = { ...c, impl, targetMs: COLLECTED.has(impl) ? TARGET_COLLECTED_MS : TARGET_MS, seed: 1 };
  const mean = meanSize(c.size, distribution);
  // Room for rounding up to a size class and for a peer's headers.
  const perBlock = mean * 1.25 + 32;
  switch (c.case) {
    case "alloc-fresh": {
      const ops = Math.floor(Math.min(c.threads === 1 ? FRESH_OPS : FRESH_OPS_TOGETHER, FRESH_BYTES / mean) / c.threads);
      return { ...job, ops, heapBytes: wholePages(ops * c.threads * perBlock) };
    }
    case "free-ring":
    case "free-random":
      return { ...job, heapBytes: wholePages((c.live ?? 0) * c.threads * perBlock) };
    case "create-heap":
    case "attach-heap":
      return { ...job, heapBytes: HEAP_BYTES };
    case "metadata":
      return { ...job, heapBytes: FILL_BYTES };
  }
}

/** Whole WebAssembly pages, and 64 MiB for the heap's own tables and what lies free. */
function wholePages(bytes: number): number {
  return Math.ceil((bytes + 64 * MIB) / 65536) * 65536;
}

function inMiB(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
