/** Arrays of bytes as the members of a population without pointers: what a program takes that wants so many bytes of the engine. */
import type { ObjectJob } from "../job.ts";
import { RandomObjects } from "../kernels.ts";
import type { SteadyCase } from "../object-cases.ts";
import { implementation } from "./uint8array.ts";
import type { PopulationProgram, Programs } from "./programs.ts";

function population({ size, live, pointers, seed }: ObjectJob<SteadyCase>): Promise<PopulationProgram> {
  if (pointers) throw new Error("bytes hold no pointers");
  const kernel = new RandomObjects(implementation.open().allocator, Uint32Array.of(size), live, seed);
  return Promise.resolve({ run: (n) => kernel.run(n), close: () => undefined });
}

export const programs: Programs = { population };
