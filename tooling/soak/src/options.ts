/** The command line of the soak. */
import { parseArgs } from "node:util";
import type { SoakOptions } from "./soak.ts";

const USAGE = "usage: soak [-- --minutes M --threads N --seed S --steps K]";
const DEFAULT_THREADS = 4;
const DEFAULT_MINUTES = 1;

/** Options from arguments, or a line that says what is wrong with them. `draw` gives a seed where none is asked for. */
export function parseOptions(argv: readonly string[], draw: () => number): SoakOptions | string {
  // `pnpm soak -- --seed 1` hands the two dashes on.
  const args = argv[0] === "--" ? argv.slice(1) : [...argv];
  let values: { minutes?: string; threads?: string; seed?: string; steps?: string };
  try {
    const string = { type: "string" } as const;
    ({ values } = parseArgs({ args, options: { minutes: string, threads: string, seed: string, steps: string } }));
  } catch (error) {
    return `${(error as Error).message}\n${USAGE}`;
  }
  const steps = Number(values.steps ?? Infinity);
  const minutes = Number(values.minutes ?? (values.steps === undefined ? DEFAULT_MINUTES : Infinity));
  const threads = Number(values.threads ?? DEFAULT_THREADS);
  const seed = Number(values.seed ?? draw());
  if (!(minutes > 0)) return `--minutes takes a positive number, not ${values.minutes ?? ""}\n${USAGE}`;
  if (!(steps > 0)) return `--steps takes a positive number, not ${values.steps ?? ""}\n${USAGE}`;
  if (!Number.isInteger(threads) || threads < 1 || threads > 63) return `--threads takes an integer from 1 to 63, not ${values.threads ?? ""}\n${USAGE}`;
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) return `--seed takes an integer from 0 to ${2 ** 32 - 1}, not ${values.seed ?? ""}\n${USAGE}`;
  return { threads, seed, steps, seconds: minutes * 60 };
}
