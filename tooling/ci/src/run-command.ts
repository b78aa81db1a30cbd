/** A command run to its end, its output kept: printed only when it matters, which is when the command failed. */
import { type ChildProcess, spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT: string = fileURLToPath(new URL("../../..", import.meta.url));

export interface Outcome {
  readonly ok: boolean;
  /** Everything that it wrote to stdout and stderr, in order; the last line says why, when it could not run or did not end. */
  readonly output: string;
}

const ENVIRONMENT = {
  ...process.env,
  PATH: [join(ROOT, "node_modules", ".bin"), process.env.PATH].join(delimiter),
  NO_COLOR: "1",
  DO_NOT_TRACK: "1",
  TURBO_TELEMETRY_DISABLED: "1",
};

/** Runs `command` from the root; when it is still running after `timeoutMs`, it and all it started are killed, and it has failed. */
export function runCommand([command, ...args]: readonly [string, ...string[]], timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    // In a process group of its own: a runner's workers would outlive it, and hold the pipes open.
    const child = spawn(command, args, { cwd: ROOT, env: ENVIRONMENT, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const kill = (): void => killGroup(child);
    const timer = setTimeout(() => {
      output += `${command}: still running after ${timeoutMs / 1000} s: killed\n`;
      kill();
    }, timeoutMs);
    process.once("exit", kill);

    let output = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    const end = (ok: boolean): void => {
      clearTimeout(timer);
      process.removeListener("exit", kill);
      resolve({ ok, output });
    };
    child.on("error", (error) => {
      output += `${command}: ${error.message}\n`;
      end(false);
    });
    child.on("close", (code) => end(code === 0));
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    child.kill("SIGKILL");
  }
}
