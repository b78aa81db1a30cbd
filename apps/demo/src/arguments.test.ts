import { describe, expect, it } from "vitest";
import { DEFAULT_MAX_BYTES, UsageError, parseArguments, parseSize } from "./arguments.ts";

function refusal(args: string[]): string {
  try {
    parseArguments(args);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
  throw new Error(`${args.join(" ")} was accepted`);
}

describe("the command line", () => {
  it("has a default for everything", () => {
    const options = parseArguments([]);
    expect(options).toMatchObject({ dirs: [], maxBytes: DEFAULT_MAX_BYTES, queries: [], once: false, rounds: 1, check: false, watch: 10, metrics: undefined, json: undefined });
    expect(options.workers).toBeGreaterThanOrEqual(1);
  });

  it("drops the -- that a package manager passes on, and only a leading one", () => {
    const dir = import.meta.dirname;
    const options = parseArguments(["--", dir, "--workers", "3", "--max-bytes", "64MiB", "--query", "a", "--query", "b", "--once"]);
    expect(options).toMatchObject({ dirs: [dir], workers: 3, maxBytes: 64 << 20, queries: ["a", "b"], once: true });
  });

  it.each([
    [["--workers", "0"], "--workers takes a whole number from 1 to 64, not \"0\""],
    [["--workers", "2.5"], "--workers takes a whole number"],
    [["--workers", "65"], "--workers takes a whole number"],
    [["--workers=-1"], "--workers takes a whole number"],
    [["--watch", "3601"], "--watch takes a whole number from 0 to 3600, not \"3601\""],
    [["--metrics", "65536"], "--metrics takes a whole number from 0 to 65535"],
    [["--watch", "1.5"], "--watch takes a whole number"],
    [["--max-bytes", "much"], "\"much\" is no size"],
    [["--max-bytes", "5GiB"], "--max-bytes takes a size from 1MiB to 4GiB"],
    [["--max-bytes", "1023KiB"], "--max-bytes takes a size from 1MiB to 4GiB"],
    [["--colour"], "--colour"],
    [["--query"], "--query"],
    [["/no/such/directory"], "DIR \"/no/such/directory\" does not exist"],
    [["--json", "/no/such/directory/report.json"], "there is no directory /no/such/directory"],
  ])("refuses %j and says why", (args, message) => {
    expect(refusal(args)).toContain(message);
  });
});

describe("a size", () => {
  it.each([
    ["67108864", 67108864],
    ["512MiB", 512 * 2 ** 20],
    ["1GiB", 2 ** 30],
    ["1.5 gib", 1.5 * 2 ** 30],
    ["64KiB", 65536],
    ["100MB", 1e8],
    ["2k", 2000],
    ["10B", 10],
  ])("%s is %i bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(["", "MiB", "-1", "1TiB", "0x10", "1 2", "NaN", "1e9"])("is not %j", (text) => {
    expect(() => parseSize(text)).toThrow(UsageError);
  });
});
