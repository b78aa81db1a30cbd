import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LAYERS, checkLayers } from "./layers.ts";

const repository = new URL("../../../", import.meta.url);

describe("a repository", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "layers-"));
  });
  afterEach(async () => {
    await rm(root, { recursive: true });
  });

  async function plant(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  async function plantPackage(name: string, dependencies: readonly string[], source: string, file = "index.ts"): Promise<void> {
    const manifest = { name: `@mallocgc/${name}`, dependencies: Object.fromEntries(dependencies.map((d) => [`@mallocgc/${d}`, "workspace:^"])) };
    await plant(`packages/${name}/package.json`, JSON.stringify(manifest));
    await plant(`packages/${name}/src/${file}`, source);
  }
  const violations = async (): Promise<string[]> => (await checkLayers(root)).violations.map(({ where, why }) => `${where}: ${why}`);

  test("whose imports go down is sound", async () => {
    await plantPackage("sysmem", [], 'import { join } from "node:path";');
    await plantPackage("mspan", ["sysmem"], 'import { Region } from "@mallocgc/sysmem";');
    expect(await checkLayers(root)).toEqual({ packages: 2, files: 2, imports: 1, violations: [] });
  });

  test("with an import that goes up is reported, with file and line", async () => {
    await plantPackage("mspan", [], 'import { a } from "./a.ts";\n\nimport { Heap } from "@mallocgc/mheap";');
    expect(await violations()).toEqual(["packages/mspan/src/index.ts:3: mspan imports @mallocgc/mheap, which is not below it"]);
  });

  test.each([
    ["a type-only import", 'import type { Heap } from "@mallocgc/mheap";'],
    ["a re-export", 'export { Heap } from "@mallocgc/mheap";'],
    ["a dynamic import", 'const heap = await import("@mallocgc/mheap");'],
    ["an import type", 'let heap: import("@mallocgc/mheap").Heap;'],
    ["a deep import", 'import { Heap } from "@mallocgc/mheap/src/heap.ts";'],
  ])("where %s goes up is reported", async (_, source) => {
    await plantPackage("mspan", [], source);
    expect(await violations()).toEqual(["packages/mspan/src/index.ts:1: mspan imports @mallocgc/mheap, which is not below it"]);
  });

  test("with an upward dependency in a package.json is reported, even if nothing imports it", async () => {
    await plantPackage("mspan", ["mheap"], "");
    expect(await violations()).toEqual(["packages/mspan/package.json: mspan imports @mallocgc/mheap, which is not below it"]);
  });

  test("where the two lowest know of one another is reported, either way", async () => {
    await plantPackage("sizeclass", ["sysmem"], "");
    await plantPackage("sysmem", ["sizeclass"], "");
    expect((await violations()).sort()).toEqual([
      "packages/sizeclass/package.json: sizeclass imports @mallocgc/sysmem, but imports no package of ours",
      "packages/sysmem/package.json: sysmem imports @mallocgc/sizeclass, which is not below it",
    ]);
  });

  test("with an import that its package does not declare is reported", async () => {
    await plantPackage("mspan", [], 'import { Region } from "@mallocgc/sysmem";');
    expect(await violations()).toEqual(["packages/mspan/src/index.ts:1: mspan imports @mallocgc/sysmem without declaring it in its package.json"]);
  });

  test("may use the test helpers in tests, and nowhere else", async () => {
    const source = 'import { runReadmeExample } from "@mallocgc/testing";';
    await plantPackage("sysmem", [], source, "readme.test.ts");
    expect(await violations()).toEqual([]);
    await plantPackage("sysmem", [], source, "region.ts");
    expect(await violations()).toEqual(["packages/sysmem/src/region.ts:1: @mallocgc/testing is for tests only and is never published"]);
  });

  test("with a package that has no place in the layers is reported", async () => {
    await plantPackage("extra", [], "");
    expect(await violations()).toEqual([expect.stringContaining("@mallocgc/extra has no place in the layers")]);
  });
});

test("docs/architecture.md draws the layers in this order", async () => {
  const text = await readFile(new URL("docs/architecture.md", repository), "utf8");
  const section = text.slice(text.indexOf("## 1."), text.indexOf("## 2."));
  const drawn = [...section.matchAll(/^ +(?:[├└]── )?([a-z-]+)  +\S/gm)].map(([, name]) => name!).filter((name) => LAYERS.includes(name));
  expect(drawn.length).toBeGreaterThanOrEqual(7);
  expect(drawn.toReversed()).toEqual(LAYERS.filter((name) => drawn.includes(name)));
});
