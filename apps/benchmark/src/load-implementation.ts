/** Loads one implementation and nothing of the others: a child's V8 sees only the code that it measures. */
import type { ImplementationId } from "./cases.ts";
import type { Implementation } from "./impl/implementation.ts";
import type { Programs } from "./impl/programs.ts";

/** For the cases on blocks. */
export async function loadImplementation(id: ImplementationId): Promise<Implementation> {
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
    case "go":
    case "js":
      throw new Error(`${id} hands out no blocks in a process of Node`);
  }
}

/** For the cases on objects. */
export async function loadPrograms(id: ImplementationId): Promise<Programs> {
  switch (id) {
    case "mallocgc":
      return (await import("./impl/mallocgc-objects.ts")).programs;
    case "assemblyscript":
      return (await import("./impl/assemblyscript-objects.ts")).programs;
    case "js":
      return (await import("./impl/js-objects.ts")).programs;
    case "uint8array":
      return (await import("./impl/uint8array-objects.ts")).programs;
    case "go":
    case "thi.ng":
    case "buffer":
      throw new Error(`${id} has no collected objects in a process of Node`);
  }
}
