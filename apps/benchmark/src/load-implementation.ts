/** Loads one implementation and nothing of the others: a child's V8 sees only the code that it measures. */
import type { ImplementationId } from "./cases.ts";
import type { Implementation } from "./impl/implementation.ts";

export async function loadImplementation(id: Exclude<ImplementationId, "go">): Promise<Implementation> {
  switch (id) {
    case "mallocgc":
      return (await import("./impl/mallocgc.ts")).implementation;
    case "thi.ng":
      return (await import("./impl/thing.ts")).implementation;
    case "assemblyscript":
      return (await import("./impl/assemblyscript.ts")).implementation;
    case "uint8array":
      return (await import("./impl/uint8array.ts")).implementation;
    case "buffer":
      return (await import("./impl/buffer.ts")).implementation;
  }
}
