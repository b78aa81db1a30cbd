/** The engine's own collector, for tests of what happens when JavaScript objects are dropped. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** Collects JavaScript objects until `done`, and lets finalization callbacks run; fails after many rounds. */
export async function collectUntil(done: () => boolean): Promise<void> {
  for (let round = 0; round < 100; round++) {
    gc();
    await new Promise((resolve) => setImmediate(resolve));
    if (done()) return;
  }
  throw new Error("the engine did not collect what the test has dropped");
}
