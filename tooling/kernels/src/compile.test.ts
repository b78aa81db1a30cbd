import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { KERNELS, compileKernel, moduleUrl } from "./compile.ts";

test.each(KERNELS)("compiling kernel $pkg/$name anew gives the module that is in the tree", async (kernel) => {
  expect(await compileKernel(kernel)).toBe(await readFile(moduleUrl(kernel), "utf8"));
});
