/** `pnpm --filter @mallocgc/go-oracle record`: makes the recordings in `data/` anew, with the Go that is installed. */
import { fileURLToPath } from "node:url";
import { goVersion, recordWithGo } from "./go.ts";
import { DATA } from "./recording.ts";

recordWithGo(fileURLToPath(DATA));
console.log(`recorded ${fileURLToPath(DATA)} with ${goVersion()}`);
