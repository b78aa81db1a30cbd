/** Where what is built on first use is kept: inside node_modules, so that a clean install starts afresh. */
import { fileURLToPath } from "node:url";

export const cacheDirectory: string = fileURLToPath(new URL("../node_modules/.cache/benchmark", import.meta.url));
