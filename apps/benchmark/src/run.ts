/**
 * Runs a plan: one child process per sample, the implementations of a case by turns (A B C, A B C, ...), so that a noisy moment
 * of the machine hits neighbours in a round and not all samples of one.
 *
 * Whoever fails once is not asked again in that case; the failure is reported, and the run goes on.
 */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cacheDirectory } from "./cache.ts";
import { isObjectCase, type BenchCase, type ImplementationId } from "./cases.ts";
import { goArguments, parseGoAnswer } from "./impl/go.ts";
import type { Job, Measurement } from "./job.ts";
import type { Plan } from "./plan.ts";

const TIMEOUT_MS = 120_000;

/** All samples of one implementation in one case, in the order of the rounds. */
export interface Series {
  readonly benchCase: BenchCase;
  readonly impl: ImplementationId;
  readonly samples: Measurement[];
  failure?: string;
}

export interface RunOptions {
  readonly goBinary: string | undefined;
  /** Called after each sample. */
  readonly onSample: (series: Series, sample: Measurement) => void;
  /** Called before each sample: what comes, how many are done, how many there are. */
  readonly onProgress: (job: Job, done: number, total: number) => void;
}

export async function runPlan(plan: Plan, options: RunOptions): Promise<Series[]> {
  mkdirSync(cacheDirectory, { recursive: true });
  const all: Series[] = [];
  const total = plan.cases.reduce((sum, c) => sum + c.samples * c.jobs.length, 0);
  let done = 0;
  for (const { benchCase, samples, jobs } of plan.cases) {
    const series = jobs.map((job): Series => ({ benchCase, impl: job.impl, samples: [] }));
    all.push(...series);
    for (let round = 0; round < samples; round++) {
      for (const [i, job] of jobs.entries()) {
        const own = series[i]!;
        options.onProgress(job, done++, total);
        if (own.failure !== undefined) continue;
        try {
          const sample = await runSample({ ...job, seed: round + 1 }, options.goBinary);
          own.samples.push(sample);
          options.onSample(own, sample);
        } catch (error) {
          own.failure = error instanceof Error ? error.message : String(error);
        }
      }
    }
  }
  return all;
}

/** One sample: a Go process for Go, a fresh V8 for everyone else. @throws Error with what the process had to say. */
export async function runSample(job: Job, goBinary: string | undefined): Promise<Measurement> {
  if (job.impl !== "go") {
    const child = fileURLToPath(new URL("./child.ts", import.meta.url));
    return JSON.parse(await run(process.execPath, [...engineOptions(job), "--conditions=dev", child, JSON.stringify(job)])) as Measurement;
  }
  if (goBinary === undefined) throw new Error("there is no Go here");
  return parseGoAnswer(await run(goBinary, goArguments(job)));
}

/**
 * What the engine is told where its own objects are measured: that it may use as much memory as the others, and as many threads: the main one and
 * helpers. In gc-mark the main thread marks too, as it waits for nothing else.
 */
function engineOptions(job: Job): string[] {
  if (!isObjectCase(job) || (job.impl !== "js" && job.impl !== "uint8array")) return [];
  const options = ["--expose-gc", "--max-old-space-size=8192"];
  if (!("markers" in job)) return options;
  const helpers = job.case === "gc-mark" ? job.markers - 1 : job.markers;
  return [...options, helpers === 0 ? "--single-threaded-gc" : `--v8-pool-size=${helpers}`];
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    // The compile cache holds bytecode only, no type feedback: children start sooner and stay strangers to one another.
    const env = { ...process.env, NODE_COMPILE_CACHE: `${cacheDirectory}/v8` };
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"], timeout: TIMEOUT_MS });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${signal === null ? `exit code ${String(code)}` : `ended by ${signal}`}: ${lastWords(stderr)}`));
    });
  });
}

/** The line of a stack trace that says what happened. */
function lastWords(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  return lines.find((line) => /^\S*Error\b|panic:|fatal error:/i.test(line)) ?? lines.at(-1) ?? "no message";
}
