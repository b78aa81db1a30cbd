import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const MODEL = fileURLToPath(new URL("../../../tooling/models/free.pml", import.meta.url));

function has(command: string, arg: string): boolean {
  try {
    execFileSync(command, [arg], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const checkable = has("spin", "-V") && has("cc", "--version");
if (!checkable) console.log("model of free: not checked, for want of spin and cc (Debian: apt-get install spin gcc)");

// Unoptimised: the compiler takes longer than the search.
function check(flags: readonly string[]): { errors: number; states: number; said: string } {
  const cwd = mkdtempSync(join(tmpdir(), "free-model-"));
  try {
    const run = (command: string, ...args: string[]): string => execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    run("spin", ...flags.map((flag) => `-D${flag}`), "-a", MODEL);
    run("cc", "-O0", "-DSAFETY", "-w", "-o", "pan", "pan.c");
    const said = run("./pan", "-m100000");
    return { errors: Number(/errors: (\d+)/.exec(said)![1]), states: Number(/([\d.e+]+) states, stored/.exec(said)![1]), said };
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

describe.skipIf(!checkable)("the model of free", () => {
  for (const { flags, states, says } of [
    { flags: ["OPS=3"], states: 300_000, says: "each block freed once" },
    { flags: ["OPS=3", "DOUBLE"], states: 400_000, says: "blocks freed by several threads" },
    { flags: ["OPS=3", "RECLAIM", "THRESHOLD=2"], states: 300_000, says: "a threshold that changes" },
  ]) {
    test(`${says}: no slot is handed out twice, no free lost or wrongly refused, each empty span given back once, in every interleaving`, () => {
      const result = check(flags);
      expect(result.errors, result.said).toBe(0);
      expect(result.states, "the whole space was searched").toBeGreaterThan(states);
      expect(result.said).not.toMatch(/search not completed|max search depth too small/i);
    });
  }

  for (const fault of [
    ["BLIND_TAKE_BACK"],
    ["RELEASE_UNCHECKED"],
    ["RELEASE_BY_BITS"],
    ["STALE_WAITING"],
    ["COUNT_FIRST"],
    ["THRESHOLD=2", "RECLAIM", "EXACT_THRESHOLD"],
    ["DOUBLE", "NO_SECOND_CHECK"],
    ["DOUBLE", "CLEAR_FIRST"],
    ["DOUBLE", "CLEAR_ALL"],
  ]) {
    test(`with ${fault.join(", ")} an error is found`, () => {
      expect(check(["OPS=4", ...fault]).errors).toBe(1);
    });
  }
});
