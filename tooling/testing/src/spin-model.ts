/** Runs the model checker spin over a model in tooling/models, for tests; where spin or a C compiler is missing, says so once. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What the checker found. */
export interface ModelResult {
  /** 0, or 1: it stops at the first. */
  readonly errors: number;
  /** States of the search, as far as it went. */
  readonly states: number;
  /** All that it printed. */
  readonly said: string;
}

const MODELS = new URL("../../models/", import.meta.url);

/** Whether models can be checked here; prints what is missing if not. */
export function canCheckModels(): boolean {
  const checkable = has("spin", "-V") && has("cc", "--version");
  if (!checkable) console.log("models: not checked, for want of spin and cc (Debian: apt-get install spin gcc)");
  return checkable;
}

/** Searches all interleavings of `NAME.pml`, compiled with the macros given (`NAME` or `NAME=value`). */
export function checkModel(name: string, macros: readonly string[]): ModelResult {
  const cwd = mkdtempSync(join(tmpdir(), `${name}-model-`));
  const run = (command: string, ...args: string[]): string => execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  try {
    run("spin", ...macros.map((macro) => `-D${macro}`), "-a", fileURLToPath(new URL(`${name}.pml`, MODELS)));
    // Unoptimised: the compiler takes longer than the search.
    run("cc", "-O0", "-DSAFETY", "-w", "-o", "pan", "pan.c");
    const said = run("./pan", "-m100000");
    return { errors: Number(/errors: (\d+)/.exec(said)![1]), states: Number(/([\d.e+]+) states, stored/.exec(said)![1]), said };
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

function has(command: string, arg: string): boolean {
  try {
    execFileSync(command, [arg], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
