/**
 * A README's example, really run.
 *
 * The first ```ts block of the README is written to a file inside the README's own package and run by a new Node process from the
 * sources (`--conditions=dev`), so it sees exactly what a reader's program would: its imports resolve by name from where a dependent
 * would stand, a package's own name included. It proves itself by `node:assert`. When a ```text block follows before the next ```ts
 * block, it is what the example prints, and is compared too.
 */
import { spawn } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface ReadmeExample {
  /** The source of the first ```ts block. */
  readonly code: string;
  /** What it prints: the ```text block after it, when the README shows one. */
  readonly output: string | undefined;
}

const FENCED = /^```(\w*)[^\n]*\n(.*?)^```\s*$/gms;
const TIMEOUT_MS = 60_000;

/** Finds the example in a README's text. */
export function readmeExample(markdown: string): ReadmeExample {
  let code: string | undefined;
  for (const [, language, body] of markdown.matchAll(FENCED)) {
    if (language === "ts") {
      if (code !== undefined) break;
      code = body;
    } else if (language === "text" && code !== undefined) {
      return { code, output: body };
    }
  }
  if (code === undefined) throw new Error("the README has no ```ts block: add the example that its readers will copy");
  return { code, output: undefined };
}

/** Runs the example of the README at `readmeUrl`; rejects with its stderr when it fails, or when it prints what the README does not show. */
export async function runReadmeExample(readmeUrl: URL): Promise<void> {
  const readme = fileURLToPath(readmeUrl);
  const { code, output } = readmeExample(await readFile(readme, "utf8"));
  // Beside the README, not in a temporary folder: imports must resolve as they would for a file of this package.
  const file = join(dirname(readme), `.readme-example-${process.pid}.ts`);
  await writeFile(file, code);
  try {
    const { exitCode, stdout, stderr } = await run(file);
    if (exitCode !== 0) throw new Error(`the example of ${readme} failed (${exitCode ?? "killed"}):\n${stderr}`);
    if (output !== undefined && stdout.trim() !== output.trim()) {
      throw new Error(`the example of ${readme} printed\n${stdout.trim()}\nbut the README shows\n${output.trim()}`);
    }
  } finally {
    await rm(file, { force: true });
  }
}

interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(file: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--conditions=dev", file], { stdio: ["ignore", "pipe", "pipe"], timeout: TIMEOUT_MS });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
    child.on("error", reject);
    child.on("close", (exitCode) => {
      resolve({ exitCode, stdout, stderr });
    });
  });
}
