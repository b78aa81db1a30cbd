/** A heap as a source of profiles, for @mallocgc/pprof-export: `pprofHandler(profileSource(heap))`. */
import type { ProfileSource } from "@mallocgc/pprof-export";
import type { Heap } from "./heap.ts";
import type { MemProfileOptions } from "./profile/mem-profile.ts";

/**
 * What the handler, `listen` and the pusher of pprof-export take: the heap's profile, and a cycle before it where they ask for one (`gc=1`). A by-hand heap has no cycles, and its
 * profile is always of now.
 */
export function profileSource(heap: Heap, options: MemProfileOptions = {}): ProfileSource {
  const heapProfile = (): ReturnType<ProfileSource["heapProfile"]> => heap.debug.memProfile(options);
  return heap.isCollected ? { heapProfile, gc: () => heap.gc() } : { heapProfile };
}
