/** `new Uint8Array(n)`: zeroed memory from the engine. At most 64 bytes lie in V8's heap, more lies outside and is counted against it. */
import type { ObjectImplementation } from "./implementation.ts";

export const implementation: ObjectImplementation = {
  blocks: "object",
  open: () => ({
    allocator: { alloc: (size: number): object => new Uint8Array(size) },
    close: () => undefined,
  }),
};
