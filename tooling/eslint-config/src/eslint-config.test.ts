import { fileURLToPath } from "node:url";
import { ESLint } from "eslint";
import { expect, test } from "vitest";
import { eslintConfig } from "./index.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

// Rules that need types need the file to exist in the project; these do not.
const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: true,
  baseConfig: eslintConfig(root),
  ruleFilter: ({ ruleId }) => ruleId.startsWith("no-restricted-"),
  overrideConfig: { languageOptions: { parserOptions: { projectService: false } } },
});

async function lint(source: string, filePath: string): Promise<string[]> {
  const [result] = await eslint.lintText(source, { filePath });
  return result!.messages.map(({ message }) => message);
}

const inPackage = "packages/mspan/src/planted.ts";

test.each([
  ["a deep import of another package", 'import { a } from "@mallocgc/sysmem/src/region.ts";\na();', /one face/],
  ["a deep import beside a package's faces", 'import { a } from "@mallocgc/metrics/src/errors.ts";\na();', /one face/],
  ["a relative import into another package", 'import { a } from "../../sysmem/src/region.ts";\na();', /stays inside its package/],
  ["an enum", "export enum E { A }", /No enums/],
  ["a default export", "export default 1;", /No default exports/],
  ["a default export by another name", "const a = 1;\nexport { a as default };", /No default exports/],
  ["an export of everything", 'export * from "./a.ts";', /name each export/],
])("%s in a package is an error", async (_, source, message) => {
  expect(await lint(source, inPackage)).toEqual([expect.stringMatching(message)]);
});

test("imports by the package's name and of files beside are fine", async () => {
  expect(await lint('import { a } from "@mallocgc/sysmem";\nimport { b } from "./b.ts";\nimport { c } from "./testing/c.ts";\na(b, c);', inPackage)).toEqual([]);
});

test("a configuration file may have a default export", async () => {
  expect(await lint("export default 1;", "vitest.config.ts")).toEqual([]);
});
