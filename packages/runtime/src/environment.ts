/**
 * Settings from environment variables, for a heap whose program says nothing of them. What it says wins.
 *
 *      MALLOCGC_PERCENT     as GOGC: an integer, or off                                     gcPercent
 *      MALLOCGC_MEMLIMIT    as GOMEMLIMIT: 512MiB, with B KiB MiB GiB TiB or none, or off   memoryLimit
 *      MALLOCGC_DEBUG       as GODEBUG: gctrace=1,scavtrace=1,gcpacertrace=1                debug
 *
 * One departure from Go, which takes a malformed GOGC for 100 and passes over what it does not know of GODEBUG: here both are errors, as a malformed
 * GOMEMLIMIT is there. A setting that silently does nothing is found too late.
 */
import { HeapError } from "./errors.ts";
import type { HeapOptions, TraceOptions } from "./options.ts";

const UNITS: Readonly<Record<string, bigint>> = { B: 1n, KiB: 1n << 10n, MiB: 1n << 20n, GiB: 1n << 30n, TiB: 1n << 40n };
/** Go's largest number of bytes, which is no limit. */
const MAX_INT64 = (1n << 63n) - 1n;
const TRACES = ["gctrace", "scavtrace", "gcpacertrace"] as const;

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The process's environment; empty where there is none, or none may be read. */
export function processEnvironment(): Environment {
  try {
    return (globalThis as { process?: { env?: Environment } }).process?.env ?? {};
  } catch {
    return {};
  }
}

/**
 * `options`, with what they leave out and the environment says.
 *
 * @throws HeapError `ERR_ENVIRONMENT` when a variable is malformed, also one that `options` overrule: it is meant for all heaps of the process.
 */
export function withEnvironment(options: HeapOptions, env: Environment): HeapOptions {
  const percent = parse(env, "MALLOCGC_PERCENT", parsePercent, "an integer from 0, or off");
  const limit = parse(env, "MALLOCGC_MEMLIMIT", parseByteCount, "a number of bytes such as 512MiB, with one of the units B, KiB, MiB, GiB, TiB or none, or off");
  const traces = parse(env, "MALLOCGC_DEBUG", parseTraces, `switches such as gctrace=1,scavtrace=1; there are ${TRACES.join(", ")}`);
  if (percent === undefined && limit === undefined && traces === undefined) return options;
  const { gcPercent = percent, memoryLimit = limit, debug, ...rest } = options;
  return {
    ...rest,
    ...(gcPercent === undefined ? {} : { gcPercent }),
    ...(memoryLimit === undefined ? {} : { memoryLimit }),
    ...(debug === undefined && traces === undefined ? {} : { debug: { ...traces, ...debug } }),
  };
}

/** A number of bytes in Go's syntax; Infinity for `off`, and for more than a number can hold; undefined when it is malformed, or too large for Go. */
export function parseByteCount(text: string): number | undefined {
  if (text === "off") return Infinity;
  const match = /^(-?\d+)(B|KiB|MiB|GiB|TiB)?$/.exec(text);
  if (match === null) return undefined;
  const bytes = BigInt(match[1]!) * UNITS[match[2] ?? "B"]!;
  if (bytes < 0n || bytes > MAX_INT64) return undefined;
  return bytes > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(bytes);
}

function parsePercent(text: string): number | undefined {
  if (text === "off") return -1;
  return /^\d{1,7}$/.test(text) ? Number(text) : undefined;
}

function parseTraces(text: string): TraceOptions | undefined {
  const traces: Partial<Record<(typeof TRACES)[number], boolean>> = {};
  for (const part of text.split(",")) {
    const [, name, level] = /^(\w+)=(\d+)$/.exec(part) ?? [];
    const trace = TRACES.find((known) => known === name);
    if (trace === undefined) return undefined;
    traces[trace] = Number(level) > 0;
  }
  return traces;
}

/** A variable's value; undefined when it is not set, or empty. */
function parse<T>(env: Environment, name: string, from: (text: string) => T | undefined, takes: string): T | undefined {
  const text = env[name];
  if (text === undefined || text === "") return undefined;
  const value = from(text);
  if (value === undefined) throw new HeapError("ERR_ENVIRONMENT", `the environment variable ${name} takes ${takes}; not "${text}"`);
  return value;
}
