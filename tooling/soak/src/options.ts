/** The command line of the soak. */
import { parseArgs } from "node:util";
import type { SoakOptions } from "./soak.ts";

const USAGE = "usage: soak [-- --by-hand --cpu-minutes M --minutes M --steps K --threads N --seed S --round R]";
const DEFAULT_THREADS = 4;
/** As long as a collector has to hold before it is believed; by hand there is less to go wrong. */
const DEFAULT_CPU_MINUTES = { collected: 30, "by-hand": 2 } as const;

/** Options from arguments, or a line that says what is wrong with them. `draw` gives a seed where none is asked for. */
export function parseOptions(argv: readonly string[], draw: () => number): SoakOptions | string {
  // `pnpm soak -- --seed 1` hands the two dashes on.
  const args = argv[0] === "--" ? argv.slice(1) : [...argv];
  let values: Partial<Record<"minutes" | "cpu-minutes" | "threads" | "seed" | "steps" | "round", string>> & { "by-hand"?: boolean };
  try {
    const string = { type: "string" } as const;
    const options = { "by-hand": { type: "boolean" }, "cpu-minutes": string, minutes: string, threads: string, seed: string, steps: string, round: string } as const;
    ({ values } = parseArgs({ args, options }));
  } catch (error) {
    return `${(error as Error).message}\n${USAGE}`;
  }
  const mode = values["by-hand"] === true ? "by-hand" : "collected";
  const isLimited = values.steps !== undefined || values.minutes !== undefined;
  const steps = Number(values.steps ?? Infinity);
  const minutes = Number(values.minutes ?? Infinity);
  const cpuMinutes = Number(values["cpu-minutes"] ?? (isLimited ? Infinity : DEFAULT_CPU_MINUTES[mode]));
  const threads = Number(values.threads ?? DEFAULT_THREADS);
  const seed = Number(values.seed ?? draw());
  const round = Number(values.round ?? 0);
  if (!(minutes > 0)) return `--minutes takes a positive number, not ${values.minutes ?? ""}\n${USAGE}`;
  if (!(cpuMinutes > 0)) return `--cpu-minutes takes a positive number, not ${values["cpu-minutes"] ?? ""}\n${USAGE}`;
  if (!(steps > 0)) return `--steps takes a positive number, not ${values.steps ?? ""}\n${USAGE}`;
  if (!Number.isInteger(threads) || threads < 1 || threads > 63) return `--threads takes an integer from 1 to 63, not ${values.threads ?? ""}\n${USAGE}`;
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) return `--seed takes an integer from 0 to ${2 ** 32 - 1}, not ${values.seed ?? ""}\n${USAGE}`;
  if (!Number.isInteger(round) || round < 0) return `--round takes an integer from 0, not ${values.round ?? ""}\n${USAGE}`;
  return { mode, threads, seed, round, steps, seconds: minutes * 60, cpuSeconds: cpuMinutes * 60 };
}
