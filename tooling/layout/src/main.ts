/** Writes docs/layout.md anew: `pnpm --filter @mallocgc/layout generate`. */
import { writeFile } from "node:fs/promises";
import { LAYOUT_PAGE, renderLayout } from "./layout.ts";

await writeFile(LAYOUT_PAGE, renderLayout());
