import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readmeExample, runReadmeExample } from "./readme-example.ts";

const fence = (language: string, body: string): string => `\`\`\`${language}\n${body}\n\`\`\`\n`;

describe("readmeExample", () => {
  test("takes the first ts block and no other", () => {
    const markdown = `# t\n${fence("sh", "npm i")}\n${fence("ts", "let a = 1;")}text\n${fence("ts", "let b = 2;")}${fence("text", "b")}`;
    expect(readmeExample(markdown)).toEqual({ code: "let a = 1;\n", output: undefined });
  });

  test("takes the text block that follows it as what it prints", () => {
    expect(readmeExample(fence("text", "no") + fence("ts", "x") + fence("sh", "y") + fence("text", "printed"))).toEqual({ code: "x\n", output: "printed\n" });
  });

  test("says so when there is none", () => {
    expect(() => readmeExample(fence("sh", "npm i"))).toThrow(/no ```ts block/);
  });
});

describe("runReadmeExample", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(fileURLToPath(new URL("../.readme-test-", import.meta.url)));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function readme(markdown: string): Promise<URL> {
    const file = join(folder, "README.md");
    await writeFile(file, markdown);
    return pathToFileURL(file);
  }

  test("an example that asserts what is true passes, and leaves nothing behind", async () => {
    await runReadmeExample(await readme(fence("ts", 'import assert from "node:assert";\nconst n: number = 2;\nassert.equal(n * 2, 4);')));
    expect(await readdir(folder)).toEqual(["README.md"]);
  });

  test("an example that asserts what is false fails with its own stderr", async () => {
    const url = await readme(fence("ts", 'import assert from "node:assert";\nassert.equal(1, 2, "one is not two");'));
    await expect(runReadmeExample(url)).rejects.toThrow(/one is not two/);
  });

  test("printing something else than the README shows is a failure", async () => {
    await runReadmeExample(await readme(fence("ts", "console.log('same');") + fence("text", "same")));
    await expect(runReadmeExample(await readme(fence("ts", "console.log('this');") + fence("text", "that")))).rejects.toThrow(/printed\nthis\nbut the README shows\nthat/);
  });

  test("packages resolve by name, from their sources", async () => {
    const code = 'import assert from "node:assert";\nimport { readmeExample } from "@mallocgc/testing";\nassert.equal(typeof readmeExample, "function");';
    await runReadmeExample(await readme(fence("ts", code)));
  });
});
