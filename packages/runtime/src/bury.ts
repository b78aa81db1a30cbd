/**
 * Taking over from a thread that ended without `detach`: terminated, crashed, or forgotten.
 *
 * Nothing tells a thread that another has died; whoever started it knows (Node: the worker's `exit` event), and says so. The caller then becomes that
 * P for a moment, on its record: what it was marking is scanned again, a sweep it was in is ended, what it had shaded is marked, its handles and functions are let
 * go, its spans and pages go back, and its place is free. A lock that it held cannot be repaired: it stays taken, and whoever wants it
 * gets `ERR_LOCK_TIMEOUT`; so that is looked at first, and said at once.
 *
 * A thread that is alive must not be buried: it would go on using what others get.
 */
import { SpecialsState } from "@mallocgc/gc";
import { MCentral } from "@mallocgc/mcentral";
import { NUM_SPAN_CLASSES } from "@mallocgc/sizeclass";
import type { Addr, Ptr } from "@mallocgc/sysmem";
import { Allocator } from "./allocator.ts";
import { Collected } from "./collected.ts";
import { HeapError, describeValue } from "./errors.ts";
import { HEADER_PTR, HeapHeader } from "./header.ts";
import { Layers, isCollected } from "./layers.ts";
import { diedInMerge, takeBackOrphans } from "./orphans.ts";
import { ProfileState } from "./profile/profile-record.ts";
import { RootsState } from "./roots/roots-record.ts";

/**
 * Frees the place of the thread that was P `id`. False when no thread is that P, or another takes over from it just now.
 *
 * @throws HeapError `ERR_PROCESSOR` when `id` is no P, or the caller's own; `ERR_HEAP_DAMAGED` when it died in the middle of driving a cycle,
 * with a lock in its hands, or, by hand, while it took back what was freed.
 */
export function bury(layers: Layers, ownId: number, id: unknown, zeroAddr: Addr): boolean {
  const { processors, region, config, plan } = layers;
  if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= processors.length || id === ownId) {
    throw new HeapError("ERR_PROCESSOR", `a thread is buried by its processorId, from 0 to ${processors.length - 1}, and not by itself (${ownId}); not ${describeValue(id)}`);
  }
  if (!processors.isRunning(id)) return false;
  const dead = new Layers(region, config, plan, processors, id);
  const lock = lockHeld(dead);
  if (lock !== undefined) {
    throw new HeapError("ERR_HEAP_DAMAGED", `the thread that was P ${id} died with the lock ${lock} in its hands, so what that guards may be half changed; save what you need and make another heap`);
  }
  if (!isCollected(config) && diedInMerge(dead)) {
    throw new HeapError("ERR_HEAP_DAMAGED", `the thread that was P ${id} died while it took back what was freed in a span, so which of its slots are free cannot be known; save what you need and make another heap`);
  }
  if (isCollected(config)) {
    const collected = new Collected(dead, id, true, {}, (collector) => new Allocator(region, dead, zeroAddr, collector), false);
    if (!collected.collector.mutator.claimDead()) return false;
    collected.bury(() => { dead.releaseAll(); });
  } else {
    takeBackOrphans(dead);
    dead.releaseAll();
  }
  processors.release(id);
  return true;
}

/** The name of a lock that this P holds; undefined when there is none. */
function lockHeld({ mutexes, central, pages, plan, config }: Layers): string | undefined {
  const words: [string, number][] = [["heap", pages.lockWord], ["profile", plan.at("profile") + ProfileState.offset.lock], ["specials", plan.at("specials") + SpecialsState.offset.lock]];
  for (let spc = 0; spc < NUM_SPAN_CLASSES; spc++) words.push(["central", central.recordOf(spc) + MCentral.offset.lock]);
  if (isCollected(config)) {
    words.push(["types", HEADER_PTR + HeapHeader.offset.typeLock], ["roots", plan.at("roots") + RootsState.offset.lock]);
  }
  return words.find(([, word]) => mutexes.holder(word as Ptr) === mutexes.owner)?.[0];
}
