/**
 * What the verifier may say of a heap in which a thread died: counts of what was allocated and freed may lack, or have twice, what it was counting just then; by hand,
 * a slot that it was freeing may be marked and not counted, so that its span is never found empty.
 */
import type { BrokenInvariant } from "../verify.ts";

const COUNTS = new Set(["objects allocated less those freed are those that live", "large objects allocated less those freed are those that live", "and so are their bytes", "freed counts the freed bits"]);

/** Broken invariants other than those of the counts. */
export function brokenBesidesCounts(broken: readonly BrokenInvariant[]): readonly BrokenInvariant[] {
  return broken.filter(({ invariant }) => !COUNTS.has(invariant));
}
