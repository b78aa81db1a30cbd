/** The packages as they would be published: tarballs, in a folder of their own that is gone afterwards. */
import { execFile } from "node:child_process";
import { glob, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const ROOT: string = fileURLToPath(new URL("../../..", import.meta.url));

const run = promisify(execFile);

export interface Tarball {
  readonly name: string;
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/**
 * Builds and packs all packages, hands the tarballs and an empty folder to `check`, and removes everything. The process fails unless the
 * check succeeds.
 */
export async function checkTarballs(check: (tarballs: readonly Tarball[], emptyFolder: string) => Promise<boolean>): Promise<void> {
  process.exitCode = 1;
  if (!(await succeeds("build", "turbo", ["run", "build", "--output-logs=errors-only"], ROOT))) return;

  const folder = await mkdtemp(join(tmpdir(), "mallocgc-pack-"));
  try {
    const { stdout } = await run("pnpm", ["--recursive", "--filter=./packages/*", "pack", "--json", "--pack-destination", folder], { cwd: ROOT });
    const tarballs = JSON.parse(stdout) as Tarball[];
    if (await check(tarballs, await mkdtemp(join(folder, "empty-")))) process.exitCode = 0;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What our packages need of others, packed from where pnpm put it, so that nothing is fetched. It has no dependencies of its own. */
export async function packOthers(folder: string): Promise<string[]> {
  const paths = new Set<string>();
  for await (const manifest of glob("packages/*/package.json", { cwd: ROOT })) {
    const { dependencies = {} } = JSON.parse(await readFile(join(ROOT, manifest), "utf8")) as { dependencies?: Record<string, string> };
    for (const name of Object.keys(dependencies)) {
      if (!name.startsWith("@mallocgc/")) paths.add(await realpath(join(ROOT, dirname(manifest), "node_modules", name)));
    }
  }
  if (paths.size === 0) return [];
  const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder, ...paths]);
  return (JSON.parse(stdout) as { readonly filename: string }[]).map(({ filename }) => join(folder, filename));
}

/** Runs a command and prints its output only if it fails; returns whether it succeeded. */
export async function succeeds(name: string, command: string, args: readonly string[], cwd: string): Promise<boolean> {
  try {
    await run(command, args, { cwd });
    console.log(`ok      ${name}`);
    return true;
  } catch (error) {
    const { stdout = "", stderr = "", message } = error as Error & { stdout?: string; stderr?: string };
    console.log(`FAILED  ${name}\n${stdout}${stderr}${message}`);
    return false;
  }
}
