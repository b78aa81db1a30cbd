/**
 * Go itself, where it is installed: the program in go/ makes the same allocations and times itself.
 *
 * It is built once into the cache, named by its sources and by the version of Go, so that neither can go stale.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheDirectory } from "../cache.ts";
import { isObjectCase, parametersOf } from "../cases.ts";
import { DISTRIBUTION_URL } from "../distribution.ts";
import type { Job, Measurement } from "../job.ts";
import { CYCLES } from "../object-cases.ts";

const SOURCES = fileURLToPath(new URL("../../go", import.meta.url));
const execute = promisify(execFile);

export type GoBinary = { readonly path: string; readonly version: string } | { readonly missing: string };

/** The program's path and Go's version, or why there is none. */
export async function buildGo(): Promise<GoBinary> {
  let version: string;
  try {
    version = (await execute("go", ["env", "GOVERSION"])).stdout.trim();
  } catch (error) {
    return { missing: (error as NodeJS.ErrnoException).code === "ENOENT" ? "Go is not installed" : `go env: ${String(error)}` };
  }
  const hash = createHash("sha256").update(version);
  for (const name of (await readdir(SOURCES)).toSorted()) {
    if (/\.go$|^go\.(mod|sum)$/.test(name)) hash.update(name).update(await readFile(`${SOURCES}/${name}`));
  }
  const path = `${cacheDirectory}/gobench-${hash.digest("hex").slice(0, 16)}${process.platform === "win32" ? ".exe" : ""}`;
  try {
    await access(path);
    return { path, version };
  } catch {
    // Not built yet.
  }
  await mkdir(cacheDirectory, { recursive: true });
  try {
    await execute("go", ["build", "-o", path, "."], { cwd: SOURCES });
  } catch (error) {
    return { missing: `go build failed: ${(error as { stderr?: string }).stderr?.trim() ?? String(error)}` };
  }
  return { path, version };
}

/** What one thread of Go does where the others do what fits into their time; the program cuts it to its share of memory. */
const FREE_OPS = 2_000_000;

/** The program's arguments: the case's parameters, and what the job adds to them. */
export function goArguments(job: Job): string[] {
  const args = ["-case", job.case, "-seed", String(job.seed)];
  for (const [name, value] of parametersOf(job)) args.push(`-${name}=${value}`);
  if (isObjectCase(job)) {
    if (job.ops !== undefined) args.push("-ops", String(job.ops));
    if (job.case === "gc-mark" || job.case === "mutator-latency") args.push("-cycles", String(CYCLES));
    return args;
  }
  if (job.size === "mixed") args.push("-dist", fileURLToPath(DISTRIBUTION_URL));
  // Go has no `free`: where the others free, it drops a block and allocates the next from fresh memory.
  args.push("-ops", String(job.ops ?? FREE_OPS));
  return args;
}

interface GoAnswer extends Pick<Measurement, "ops" | "bytesPerOp" | "cpuNsPerOp" | "cycles" | "latency"> {
  readonly totalNsPerOp: number;
}

/** Its `totalNsPerOp` is what the others call `nsPerOp`. @throws Error when the answer is not what was agreed. */
export function parseGoAnswer(stdout: string): Measurement {
  const answer = JSON.parse(stdout) as Partial<GoAnswer>;
  const { totalNsPerOp, ops, bytesPerOp, cpuNsPerOp, cycles, latency } = answer;
  if (typeof totalNsPerOp !== "number" || typeof ops !== "number" || typeof bytesPerOp !== "number") {
    throw new Error(`not an answer of gobench: ${stdout.slice(0, 200)}`);
  }
  return {
    nsPerOp: totalNsPerOp,
    ops,
    bytesPerOp,
    ...(cpuNsPerOp === undefined ? {} : { cpuNsPerOp }),
    ...(cycles === undefined ? {} : { cycles }),
    ...(latency === undefined ? {} : { latency }),
  };
}
