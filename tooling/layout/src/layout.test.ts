import { readFile } from "node:fs/promises";
import { heapLayout } from "@mallocgc/runtime";
import { expect, test } from "vitest";
import { LAYOUT_PAGE, renderLayout } from "./layout.ts";

test("docs/layout.md is what the declarations say; if not: pnpm --filter @mallocgc/layout generate", async () => {
  expect(await readFile(LAYOUT_PAGE, "utf8")).toBe(renderLayout());
});

test("every table and every field of every record has its line", () => {
  const page = renderLayout();
  const { tables, records } = heapLayout();
  for (const { name, byteOffset } of tables) expect(page).toContain(`| \`${name}\` | ${byteOffset} |`);
  for (const record of records) {
    for (const field of Object.keys(record.fields)) expect(page).toContain(`| \`${field}\` | ${record.fields[field]!.access} |`);
  }
});
