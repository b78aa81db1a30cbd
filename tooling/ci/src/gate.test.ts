import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Check, type Sum, runGate } from "./gate.ts";
import { runCommand } from "./run-command.ts";

let folder: string;
let report: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gate-"));
  report = join(folder, "report.json");
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const node = (name: string, script: string): Check => ({ name, command: [process.execPath, "-e", script] });

/** A check that writes a test report and exits with `exitCode`, as a test runner does. */
function runner(tests: Record<string, string>, exitCode: number): Check {
  const results = Object.entries(tests).map(([fullName, status]) => ({ fullName, status }));
  const count = (wanted: string): number => results.filter(({ status }) => status === wanted).length;
  const json = JSON.stringify({ numPassedTests: count("passed"), numFailedTests: count("failed"), testResults: [{ assertionResults: results }] });
  const script = `require("node:fs").writeFileSync(${JSON.stringify(report)}, ${JSON.stringify(json)}); process.exitCode = ${exitCode}`;
  return { ...node("tests", script), report };
}

async function gate(...checks: Check[]): Promise<Sum & { text: string }> {
  const lines: string[] = [];
  const sum = await runGate(checks, (line) => lines.push(line));
  return { ...sum, text: lines.join("\n") };
}

test("a check that succeeds counts as one, and its output is not shown", async () => {
  const { passed, failed, text } = await gate(node("quiet", "console.log('chatter')"));
  expect({ passed, failed }).toEqual({ passed: 1, failed: 0 });
  expect(text).toMatch(/^ok +quiet/);
  expect(text).not.toContain("chatter");
});

test("a check that fails shows its output, and those after it run all the same", async () => {
  const { passed, failed, text } = await gate(node("bad", "console.log('the reason'); process.exitCode = 3"), node("next", ""));
  expect({ passed, failed }).toEqual({ passed: 1, failed: 1 });
  expect(text).toMatch(/FAILED +bad[^]*the reason[^]*ok +next/);
});

test("a command that does not exist is a failure that says so", async () => {
  const { failed, text } = await gate({ name: "absent", command: ["no-such-command-of-mallocgc"] });
  expect(failed).toBe(1);
  expect(text).toContain("no-such-command-of-mallocgc: spawn");
});

test("a command that does not end is killed with all it started, and has failed", async () => {
  const grandchild = 'require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" })';
  const { ok, output } = await runCommand([process.execPath, "-e", grandchild], 500);
  expect(ok).toBe(false);
  expect(output).toContain("still running after 0.5 s: killed");
});

test("tests are counted one by one, and skipped ones are named", async () => {
  const { passed, failed, text } = await gate(runner({ a: "passed", b: "passed", c: "failed", "needs Go": "skipped" }, 1));
  expect({ passed, failed }).toEqual({ passed: 2, failed: 1 });
  expect(text).toContain("skipped: needs Go");
});

test("a runner that crashes after a clean report is a failure", async () => {
  expect(await gate(runner({ a: "passed" }, 1))).toMatchObject({ passed: 1, failed: 1 });
});

test("a runner that writes no report is a failure, even if an old report lies there", async () => {
  await gate(runner({ a: "passed" }, 0));
  expect(await gate({ ...node("tests", ""), report })).toMatchObject({ passed: 0, failed: 1 });
});
