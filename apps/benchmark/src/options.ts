/** The command line: `bench [-- --filter RE --json FILE --quick]`. */
import { parseArgs } from "node:util";

export interface Options {
  readonly filter: RegExp | undefined;
  readonly json: string | undefined;
  readonly quick: boolean;
  readonly help: boolean;
}

export const USAGE = `bench [--filter RE] [--json FILE] [--quick]

  --filter RE    only what this regular expression finds in names such as
                 Alloc/case=free-ring/size=64/live=10000/threads=1/impl=mallocgc
  --json FILE    also write the results as a JSON list
  --quick        fewer cases, three samples instead of five; four to five minutes
`;

/** @throws Error that says which argument is wrong. */
export function parseOptions(args: readonly string[]): Options {
  // pnpm hands on the `--` that separates its own arguments from the script's.
  const own = args[0] === "--" ? args.slice(1) : [...args];
  const { values } = parseArgs({
    args: own,
    options: {
      filter: { type: "string" },
      json: { type: "string" },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  let filter: RegExp | undefined;
  try {
    filter = values.filter === undefined ? undefined : new RegExp(values.filter, "u");
  } catch (cause) {
    throw new Error(`--filter ${String(values.filter)} is not a regular expression`, { cause });
  }
  return { filter, json: values.json, quick: values.quick, help: values.help };
}
