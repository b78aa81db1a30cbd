import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { benchmarkLine, configurationLines, goNumber } from "./go-format.ts";

describe("Go's benchmark format", () => {
  // Recorded from Go 1.26: `testing.BenchmarkResult.String` for these values of ns/op.
  it.each([
    [0.00012345, "         0.0001234"],
    [0.0012345, "         0.001234"],
    [0.012345, "         0.01235"],
    [0.12345, "         0.1235"],
    [0.99996, "         1.000"],
    [6.1234, "         6.123"],
    [9.99951, "        10.00"],
    [61.234, "        61.23"],
    [612.34, "       612.3"],
    [999.96, "      1000"],
    [6123.4, "      6123"],
    [61234567.8, "  61234568"],
  ])("writes %d as Go's testing package does", (x, text) => {
    expect(goNumber(x)).toBe(text);
  });

  it("puts name, count and units in tab-separated columns, with the number of processors after the name", () => {
    const line = benchmarkLine({ name: "Alloc/case=alloc-fresh/size=64/threads=1/impl=mallocgc", n: 4000000, nsPerOp: 6.123, bytesPerOp: 64, allocsPerOp: 1 });
    expect(line).toBe(
      `BenchmarkAlloc/case=alloc-fresh/size=64/threads=1/impl=mallocgc-${availableParallelism()}\t 4000000\t         6.123 ns/op\t      64 B/op\t       1 allocs/op`,
    );
  });

  it("leaves out memory columns where nothing is allocated", () => {
    expect(benchmarkLine({ name: "X", n: 1, nsPerOp: 1 }).split("\t")).toHaveLength(3);
  });

  it("puts further figures with their units between time and memory", () => {
    const cells = benchmarkLine({ name: "X", n: 1, nsPerOp: 1, extra: { "p99-ns": 1234 }, bytesPerOp: 8, allocsPerOp: 1 }).split("\t");
    expect(cells.slice(3).map((cell) => cell.trim())).toEqual(["1234 p99-ns", "8 B/op", "1 allocs/op"]);
  });

  it("writes configuration as keys that begin with a lower-case letter, as benchstat wants", () => {
    for (const line of configurationLines("go1.26.8")) expect(line).toMatch(/^[a-z][a-z0-9]*: \S/);
  });
});
