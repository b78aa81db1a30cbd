/** The command line: what the demo can be told, and what is wrong with it when it cannot. */
import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Address, DEFAULT_ADDRESS } from "./serve.ts";

/** The heap's size unless told otherwise. */
export const DEFAULT_MAX_BYTES: number = 1024 ** 3;
const LEAST_BYTES = 1024 ** 2;
const MOST_BYTES = 4 * 1024 ** 3;
const MOST_WORKERS = 64;
const MOST_ROUNDS = 10_000;
const DEFAULT_SECONDS = 10;
const MOST_SECONDS = 3600;

/** The text of `--help`. */
export const USAGE = `Index real text with several threads on one shared heap, then ask it.

  npx -y pnpm@12 demo [-- DIR ...] [options]

  DIR ...              directories or files to index: all that is text in them
                       (default: the Markdown and TypeScript files of this project's node_modules and docs)
  --workers N          threads that index and answer, 1 to ${MOST_WORKERS} (default: the number of cores)
  --max-bytes B        size of the shared heap, such as 512MiB, from 1MiB to 4GiB (default: 1GiB)
  --rounds K           index everything K times, 1 to ${MOST_ROUNDS}; each time the old index is dropped and collected while the workers
                       go on answering (default: 1)
  --check              mark everything twice in each collection and compare (with --once that is always so)
  --query WORD         ask for WORD instead of showing a prompt; may be repeated
  --once               no prompt: run everything, check the answers by counting, and exit 0 if all was right
  --watch SECONDS      how long, at most, to watch the background give the memory of the dropped index back, before the rest is
                       given back at once, 0 to ${MOST_SECONDS} (default: ${DEFAULT_SECONDS}; it ends when nothing more goes back)
  --profile FILE       write the heap profile of the finished index, for \`go tool pprof FILE\`, and print the ten functions that hold most
  --listen [HOST:]PORT serve /debug/pprof/ and /metrics while it runs (default with the prompt: ${DEFAULT_ADDRESS.host}:${DEFAULT_ADDRESS.port}; port 0: any that is free)
  --no-listen          serve nothing
  --json FILE          write the report as JSON
  --record-sizes FILE  write the sizes asked of the heap as JSON: [[size, count], ...]
  --help               show this

Exit code: 0 done; 1 the heap was full, no file could be read, or the verifier or a check found something; 2 wrong arguments.
`;

/** What the command line asks for. */
export interface DemoOptions {
  /** Directories or files to index; empty for the default. */
  readonly dirs: readonly string[];
  readonly workers: number;
  readonly maxBytes: number;
  readonly rounds: number;
  readonly check: boolean;
  readonly queries: readonly string[];
  readonly once: boolean;
  readonly help: boolean;
  /** Seconds. */
  readonly watch: number;
  /** Where to serve profile and metrics; undefined: nowhere. */
  readonly listen: Address | undefined;
  readonly profile: string | undefined;
  readonly json: string | undefined;
  readonly recordSizes: string | undefined;
}

/** Something is wrong with the command line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "ERR_USAGE";
}

/**
 * Reads the command line (without the program's name). A leading `--`, which a package manager may pass on, is dropped.
 *
 * @throws UsageError when an argument is unknown, has no value, or a value that cannot be.
 */
export function parseArguments(args: readonly string[]): DemoOptions {
  const { values, positionals } = parse(args[0] === "--" ? args.slice(1) : [...args]);
  for (const dir of positionals) {
    if (statSync(dir, { throwIfNoEntry: false }) === undefined) {
      throw new UsageError(`DIR "${dir}" does not exist; give an existing directory or file`);
    }
  }
  for (const file of [values.json, values.profile, values["record-sizes"]]) {
    if (file !== undefined && statSync(dirname(resolve(file)), { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw new UsageError(`"${file}" cannot be written: there is no directory ${dirname(resolve(file))}`);
    }
  }
  return {
    dirs: positionals,
    workers: values.workers === undefined ? Math.min(MOST_WORKERS, availableParallelism()) : parseWhole("workers", values.workers, 1, MOST_WORKERS),
    maxBytes: values["max-bytes"] === undefined ? DEFAULT_MAX_BYTES : parseMaxBytes(values["max-bytes"]),
    rounds: values.rounds === undefined ? 1 : parseWhole("rounds", values.rounds, 1, MOST_ROUNDS),
    check: values.check ?? values.once ?? false,
    queries: values.query ?? [],
    once: values.once ?? false,
    help: values.help ?? false,
    watch: values.watch === undefined ? DEFAULT_SECONDS : parseWhole("watch", values.watch, 0, MOST_SECONDS),
    listen: listenAddress(values),
    profile: values.profile,
    json: values.json,
    recordSizes: values["record-sizes"],
  };
}

/** A number of bytes: digits, perhaps with a fraction, then B, KB, MB, GB (powers of 1000) or KiB, MiB, GiB (of 1024), or nothing. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmg])(i?))?b?$/i.exec(text.trim());
  if (match === null) throw new UsageError(`"${text}" is no size; write it like 512MiB, 1GiB or 67108864`);
  const [, digits, prefix, binary] = match;
  const power = prefix === undefined ? 0 : "kmg".indexOf(prefix.toLowerCase()) + 1;
  return Math.round(Number(digits) * (binary === "" || binary === undefined ? 1000 : 1024) ** power);
}

/** `6060`, `0.0.0.0:6060` or `[::1]:6060`. */
export function parseAddress(text: string): Address {
  const match = /^(?:(?:\[([\da-f:.]+)\]|([^:\[\]\s]+)):)?(\d+)$/i.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) throw new UsageError(`--listen takes [HOST:]PORT, such as 6060 or 127.0.0.1:6060, with a port from 0 to 65535, not "${text}"`);
  return { host: match[1] ?? match[2] ?? DEFAULT_ADDRESS.host, port };
}

/** With the prompt, where people come to look, by default; in a run without one, which may have others beside it, if asked for. */
function listenAddress(values: { listen?: string; "no-listen"?: boolean; once?: boolean; query?: readonly string[] }): Address | undefined {
  if (values["no-listen"] === true) {
    if (values.listen !== undefined) throw new UsageError("--listen and --no-listen exclude each other; give one of them");
    return undefined;
  }
  if (values.listen !== undefined) return parseAddress(values.listen);
  return values.once === true || values.query !== undefined ? undefined : DEFAULT_ADDRESS;
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        workers: { type: "string" },
        "max-bytes": { type: "string" },
        rounds: { type: "string" },
        check: { type: "boolean" },
        query: { type: "string", multiple: true },
        once: { type: "boolean" },
        watch: { type: "string" },
        listen: { type: "string" },
        "no-listen": { type: "boolean" },
        profile: { type: "string" },
        json: { type: "string" },
        "record-sizes": { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function parseWhole(name: string, text: string, least: number, most: number): number {
  const n = /^\d+$/.test(text) ? Number(text) : -1;
  if (n < least || n > most) throw new UsageError(`--${name} takes a whole number from ${least} to ${most}, not "${text}"`);
  return n;
}

function parseMaxBytes(text: string): number {
  const bytes = parseSize(text);
  if (bytes < LEAST_BYTES || bytes > MOST_BYTES) {
    throw new UsageError(`--max-bytes takes a size from 1MiB to 4GiB, not "${text}"`);
  }
  return bytes;
}
