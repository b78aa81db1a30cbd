import { describe, expect, it } from "vitest";
import { DEFAULT_MAX_BYTES, UsageError, parseAddress, parseArguments, parseSize } from "./arguments.ts";

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
    expect(options).toMatchObject({ dirs: [], maxBytes: DEFAULT_MAX_BYTES, queries: [], once: false, rounds: 1, check: false, watch: 10, json: undefined });
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
    [["--watch", "1.5"], "--watch takes a whole number"],
    [["--max-bytes", "much"], "\"much\" is no size"],
    [["--max-bytes", "5GiB"], "--max-bytes takes a size from 1MiB to 4GiB"],
    [["--max-bytes", "1023KiB"], "--max-bytes takes a size from 1MiB to 4GiB"],
    [["--listen", "http"], "--listen takes [HOST:]PORT, such as 6060 or 127.0.0.1:6060, with a port from 0 to 65535, not \"http\""],
    [["--listen", "6060", "--no-listen"], "--listen and --no-listen exclude each other"],
    [["--profile", "/no/such/directory/heap.pb.gz"], "there is no directory /no/such/directory"],
    [["--colour"], "--colour"],
    [["--query"], "--query"],
    [["/no/such/directory"], "DIR \"/no/such/directory\" does not exist"],
    [["--json", "/no/such/directory/report.json"], "there is no directory /no/such/directory"],
  ])("refuses %j and says why", (args, message) => {
    expect(refusal(args)).toContain(message);
  });
});

describe("where to listen", () => {
  it("is Go's usual port on loopback when there is a prompt, and nowhere else by itself", () => {
    expect(parseArguments([]).listen).toEqual({ host: "127.0.0.1", port: 6060 });
    for (const args of [["--once"], ["--query", "a"], ["--no-listen"]]) expect(parseArguments(args).listen).toBeUndefined();
    expect(parseArguments(["--once", "--listen", "0"]).listen).toEqual({ host: "127.0.0.1", port: 0 });
  });

  it.each([
    ["6061", "127.0.0.1", 6061],
    ["0.0.0.0:80", "0.0.0.0", 80],
    ["localhost:0", "localhost", 0],
    ["[::1]:6060", "::1", 6060],
  ])("%s is host and port", (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
  });

  it.each(["", ":", ":6060", "6060:", "localhost", "65536", "-1", "::1:6060", "[::1]", "a b:1", "http://localhost:1"])("is not %j", (text) => {
    expect(() => parseAddress(text)).toThrow(UsageError);
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
