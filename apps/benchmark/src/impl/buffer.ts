/** `Buffer.allocUnsafe(n)`: Node's pooled slices below half of `Buffer.poolSize`, and memory that is not zeroed. */
import type { ObjectImplementation } from "./implementation.ts";

export const implementation: ObjectImplementation = {
  blocks: "object",
  open: () => ({
    allocator: { alloc: (size: number): object => Buffer.allocUnsafe(size) },
    close: () => undefined,
  }),
};
