/**
 * The gate: named checks, one after another, a line each, and a sum at the end.
 *
 * A check is a command; it counts as one. A check that runs tests counts as its tests instead, by the report that its runner wrote. It
 * fails if any test failed, and also if the command failed while its report shows no failed test, or wrote no report: a runner that
 * crashed must not look like one with nothing to complain of. Every check runs, whatever became of those before it.
 */
import { readFile, rm } from "node:fs/promises";
import { runCommand } from "./run-command.ts";

export interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Where the command writes a report in Vitest's JSON form, if it runs tests. */
  readonly report?: string;
}

export interface Sum {
  readonly passed: number;
  readonly failed: number;
}

const TIMEOUT_MS = 15 * 60_000;

/** Runs the checks in order; `print` gets the lines, a failed check's own output included. */
export async function runGate(checks: readonly Check[], print: (line: string) => void): Promise<Sum> {
  let passed = 0;
  let failed = 0;
  for (const check of checks) {
    const started = performance.now();
    if (check.report !== undefined) await rm(check.report, { force: true });
    const { ok, output } = await runCommand(check.command, TIMEOUT_MS);
    const sum = check.report === undefined ? sumOfCommand(ok) : await sumOfTests(ok, check.report);
    passed += sum.passed;
    failed += sum.failed;

    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const counted = check.report === undefined ? "" : `  ${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`;
    print(`${sum.failed === 0 ? "ok    " : "FAILED"}  ${check.name.padEnd(14)} ${seconds.padStart(6)} s${counted}`);
    if (sum.failed > 0) print(`--- ${check.command.join(" ")}\n${output.trimEnd()}\n---`);
    for (const name of sum.skippedNames) print(`        skipped: ${name}`);
  }
  return { passed, failed };
}

interface CheckSum extends Sum {
  readonly skipped: number;
  readonly skippedNames: readonly string[];
}

function sumOfCommand(ok: boolean): CheckSum {
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, skippedNames: [] };
}

/** The part of Vitest's JSON report that is read. */
interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[] }[];
}

async function sumOfTests(ok: boolean, reportPath: string): Promise<CheckSum> {
  let report: TestReport;
  try {
    report = JSON.parse(await readFile(reportPath, "utf8")) as TestReport;
  } catch {
    return sumOfCommand(false);
  }
  const skippedNames = report.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status !== "passed" && status !== "failed")
    .map(({ fullName }) => fullName.trim());
  const crashed = !ok && report.numFailedTests === 0;
  return { passed: report.numPassedTests, failed: crashed ? 1 : report.numFailedTests, skipped: skippedNames.length, skippedNames };
}
