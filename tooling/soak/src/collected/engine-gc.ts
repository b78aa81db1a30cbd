/** The engine's own collector: it tells the heap of what was dropped without being disposed of. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/** Has the engine collect; what it has to tell comes with a later job. */
export const collectGarbage: () => void = runInNewContext("gc") as () => void;
