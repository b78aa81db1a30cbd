import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const MODEL = fileURLToPath(new URL("../../../tooling/models/mutex.pml", import.meta.url));

function has(command: string, arg: string): boolean {
  try {
    execFileSync(command, [arg], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const checkable = has("spin", "-V") && has("cc", "--version");
if (!checkable) console.log("mutex model: not checked, for want of spin and cc (Debian: apt-get install spin gcc)");

function check(flags: readonly string[]): { errors: number; states: number; said: string } {
  const cwd = mkdtempSync(join(tmpdir(), "mutex-model-"));
  try {
    const run = (command: string, ...args: string[]): string => execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    run("spin", ...flags, "-a", MODEL);
    run("cc", "-O1", "-DSAFETY", "-w", "-o", "pan", "pan.c");
    const said = run("./pan", "-m100000");
    return { errors: Number(/errors: (\d+)/.exec(said)![1]), states: Number(/(\d+) states, stored/.exec(said)![1]), said };
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

describe.skipIf(!checkable)("the model of the mutex", () => {
  test("three threads: never two inside, never one asleep for ever, in every interleaving", () => {
    const { errors, states, said } = check([]);
    expect(errors, said).toBe(0);
    expect(states, "the whole space was searched").toBeGreaterThan(50_000);
    expect(said).not.toMatch(/search not completed|max search depth too small/i);
  });

  for (const fault of ["FORGETFUL_WAKER", "BLIND_WAIT", "PLAIN_UNLOCK", "SPLIT_LOCK"]) {
    test(`with ${fault} an error is found`, () => {
      expect(check([`-D${fault}`]).errors).toBe(1);
    });
  }
});
