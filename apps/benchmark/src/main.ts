/** The benchmark: reads the command line, makes a plan, runs it, reports. Results go to stdout, progress to stderr. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { allCases, type CaseName, type ImplementationId } from "./cases.ts";
import { runChecks } from "./checks.ts";
import { DISTRIBUTION_URL, readDistribution } from "./distribution.ts";
import { benchmarkLine, configurationLines } from "./go-format.ts";
import { compileAssemblyScript } from "./impl/assemblyscript-modules.ts";
import { buildGo } from "./impl/go.ts";
import type { Measurement } from "./job.ts";
import { parseOptions, USAGE, type Options } from "./options.ts";
import { benchmarkName, makePlan } from "./plan.ts";
import { Progress } from "./progress.ts";
import { checksText, disturbance, jsonResults, metadataTable, latencyTable, omissions, ratioTables } from "./report.ts";
import { runPlan } from "./run.ts";

const SAMPLES = 5;
const QUICK_SAMPLES = 3;

/** The cases in which an operation is an allocation of so many bytes. */
const ALLOCATES: ReadonlySet<CaseName> = new Set(["alloc-fresh", "free-ring", "free-random", "metadata", "gc-alloc", "mutator-latency"]);

function extraFigures({ cpuNsPerOp, latency }: Measurement): Record<string, number> {
  return {
    ...(cpuNsPerOp === undefined ? {} : { "cpu-ns/op": cpuNsPerOp }),
    ...(latency === undefined ? {} : { "p50-ns": latency.p50, "p99-ns": latency.p99, "p99.99-ns": latency.p9999, "max-ns": latency.max }),
    ...(latency?.stall === undefined ? {} : { "stall-ns": latency.stall }),
  };
}

async function main(options: Options): Promise<void> {
  const missing = new Map<ImplementationId, string>();
  const go = await buildGo();
  if ("missing" in go) missing.set("go", go.missing);
  try {
    await compileAssemblyScript();
  } catch (error) {
    missing.set("assemblyscript", String(error));
  }
  const plan = makePlan({
    cases: allCases(options.quick),
    samples: options.quick ? QUICK_SAMPLES : SAMPLES,
    filter: options.filter,
    distribution: existsSync(DISTRIBUTION_URL) ? await readDistribution(DISTRIBUTION_URL) : undefined,
    missing,
  });
  if (plan.cases.length === 0) throw new Error("no case is left to run; see --help for what --filter is matched against");

  console.log(configurationLines("version" in go ? go.version : undefined).join("\n"));
  const progress = new Progress(process.stderr);
  const all = await runPlan(plan, {
    goBinary: "path" in go ? go.path : undefined,
    onProgress: (job, done, total) => progress.update(job, done, total),
    onSample: ({ benchCase, impl }, sample) => {
      progress.clear();
      console.log(
        benchmarkLine({
          name: benchmarkName(benchCase, impl),
          n: sample.ops,
          nsPerOp: sample.nsPerOp,
          ...(ALLOCATES.has(benchCase.case) ? { bytesPerOp: sample.bytesPerOp, allocsPerOp: 1 } : {}),
          extra: extraFigures(sample),
        }),
      );
    },
  });
  progress.clear();

  const sections = [ratioTables(all), latencyTable(all), metadataTable(all), omissions(plan.skipped, all).join("\n"), disturbance(all), checksText(runChecks(all))];
  console.log(`\n${sections.filter((text) => text !== "").join("\n\n")}`);
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(jsonResults(all), undefined, 2)}\n`);
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) console.log(USAGE);
  else await main(options);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
