/**
 * A thread's own graph as it should be, in JavaScript: what the heap has must be the same, object by object, and what is not reachable here
 * must be gone there after two cycles.
 *
 * Since nothing moves, a vertex knows its object's address; it is used only while the vertex is reachable, or in hand.
 */
import { SoakFailure } from "../failure.ts";

/** An object of the graph. */
export interface Vertex {
  readonly id: number;
  readonly addr: number;
  readonly slots: (Vertex | undefined)[];
  /** How the heap has said that the object is dead; undefined while it has not. */
  gone: string | undefined;
  /** A finalizer is set, and was not called yet. */
  finalizing: boolean;
}

/** A new object's vertex. */
export function vertex(id: number, addr: number, slots: number): Vertex {
  return { id, addr, slots: new Array<Vertex | undefined>(slots).fill(undefined), gone: undefined, finalizing: false };
}

/** The vertex, of an object that the program can reach now. @throws SoakFailure when the heap has said before that it is dead. */
export function alive(v: Vertex): Vertex {
  if (v.gone !== undefined) throw new SoakFailure(`the object ${v.id} at ${v.addr} can be reached, but ${v.gone}`);
  return v;
}

/** All that can be reached from `roots`. */
export function reach(roots: Iterable<Vertex | undefined>): Set<Vertex> {
  const found = new Set<Vertex>();
  for (const root of roots) if (root !== undefined) found.add(root);
  // A set is walked in the order of insertion, also what is added on the way.
  for (const v of found) for (const target of v.slots) if (target !== undefined) found.add(target);
  return found;
}
