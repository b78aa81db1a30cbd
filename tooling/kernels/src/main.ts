/** Compiles every kernel and writes the generated modules: `pnpm --filter @mallocgc/kernels compile`. */
import { writeFile } from "node:fs/promises";
import { KERNELS, compileKernel, moduleUrl } from "./compile.ts";

for (const kernel of KERNELS) {
  await writeFile(moduleUrl(kernel), await compileKernel(kernel));
  console.log(`packages/${kernel.pkg}/src/${kernel.name}-kernel.ts`);
}
