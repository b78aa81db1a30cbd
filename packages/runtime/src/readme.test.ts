import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runReadmeExample } from "@mallocgc/testing";
import { expect, test } from "vitest";

const README = new URL("../README.md", import.meta.url);

test("the example of the README runs as printed", async () => {
  await runReadmeExample(README);
});

test("so do its two files for two threads", async () => {
  const files = [...(await readFile(README, "utf8")).matchAll(/^```js\n\/\/ (\w+\.js)\n(.*?)^```$/gms)];
  expect(files.map(([, name]) => name)).toEqual(["main.js", "worker.js"]);
  // Inside the package, where its own name resolves as it would for a dependent.
  const folder = await mkdtemp(fileURLToPath(new URL("../.readme-threads-", import.meta.url)));
  try {
    for (const [, name, code] of files) await writeFile(join(folder, name!), code!);
    const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=dev", join(folder, "main.js")], { timeout: 60_000 });
    expect(stdout.trim()).toBe("[ 1, 2, 3 ]");
  } finally {
    await rm(folder, { recursive: true });
  }
});
