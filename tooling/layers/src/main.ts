/** `pnpm layers`: reports every import that does not go down the layers, and fails if there is one. */
import { fileURLToPath } from "node:url";
import { checkLayers } from "./layers.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const { packages, files, imports, violations } = await checkLayers(root);

for (const { where, why } of violations) console.error(`${where}: ${why}`);
console.log(`layers: ${packages} packages, ${files} files, ${imports} imports between packages, ${violations.length} not downward`);
process.exitCode = violations.length === 0 ? 0 : 1;
