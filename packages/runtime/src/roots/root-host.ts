/**
 * What roots ask of the heap that they belong to: one thread's view of it. Whoever puts the heap together implements it.
 */
import type { Barrier, Specials } from "@mallocgc/gc";
import type { Addr, Ptr } from "@mallocgc/sysmem";
import { HeapError, HeapExhaustedError, describeValue } from "../errors.ts";
import type { Layers } from "../layers.ts";
import { RootsState } from "./roots-record.ts";

const { nonce: NONCE } = RootsState.offset;

/** The layers that roots stand on. */
export interface RootLayers extends Pick<Layers, "region" | "mutexes" | "pages"> {
  readonly config: Pick<Layers["config"], "maxBytes">;
}

/** What became of a root that nobody disposed of. */
export interface LeakReport {
  /** What was dropped. */
  readonly what: "handle" | "scope";
  /** Where it was made: a stack, or undefined unless the heap has `checks: true`. */
  readonly where: string | undefined;
}

/** The heap, as roots see it. */
export interface RootHost {
  readonly layers: RootLayers;
  readonly specials: Specials;
  readonly barrier: Barrier;
  /** Where the table `roots` is in the region. */
  readonly state: Ptr;
  /** Where the table `roots.processors` is. */
  readonly processorRoots: Ptr;
  /** This thread's P, and the generation of its record. */
  readonly processorId: number;
  readonly generation: number;
  /** Development mode: what is dropped without being disposed of is reported with the place where it was made. */
  readonly checks: boolean;
  /** A raw address is about to be handed out or taken: enters a turn unless this thread is in one. @throws HeapError `ERR_HEAP_DETACHED`. */
  enterTurn(): void;
  /** Runs `fn`, which may block, outside of any turn: the collector does not wait for this thread meanwhile. */
  blocking<T>(fn: () => T): T;
  /** @throws HeapError unless `addr` is the start of a live object. */
  checkObject(addr: number): void;
  /** The address of the object that a view shows; -1 when `value` is no view of this heap. */
  refOfView(value: object): number;
  /** A new object of `nbytes` zeroed bytes without pointers. Enters a turn. @throws HeapExhaustedError. */
  allocBytes(nbytes: number): Addr;
  /**
   * Weak to strong (docs/collector.md, section 2): the object that the word of a weak handle leads to, alive in this turn; 0 for one that the marking under way or just ended
   * has found dead, also while its span is not swept yet.
   */
  makeStrongFromWeak(word: number): number;
  /** Told, at a turn's start, of a handle or scope that was dropped. */
  onLeak(report: LeakReport): void;
  /** Told of a finalizer or cleanup that threw. */
  onError(error: unknown, what: "finalizer" | "cleanup"): void;
}

/** A root's value as a program gives it: an address, a view, or nil. */
export type RootValue = number | object | null;

/**
 * The address that `value` means: 0 for nil.
 *
 * @throws HeapError `ERR_ROOT` when it is no address, no view, or an address where no object can be.
 */
export function refOf(host: RootHost, value: unknown): number {
  if (value === null) return 0;
  const ref = typeof value === "object" ? host.refOfView(value) : typeof value === "number" ? value : -1;
  if (ref >>> 0 !== ref) throw new HeapError("ERR_ROOT", `a root is the address of an object, a view of one, or null, not ${describeValue(value)}`);
  if (ref !== 0 && host.layers.pages.spanOf(ref) === 0) throw new HeapError("ERR_ROOT", `there is no object at address ${ref}: only what lies in the heap can be a root`);
  return ref;
}

/** The random number by which this heap is known from others: addresses and places are the same in many. */
export function nonceOf(host: RootHost): number {
  return host.layers.region.i32[host.state + NONCE]!;
}

/** `nbytes` of zeroed memory for ever, aligned to a cache line. @throws HeapExhaustedError. */
export function permanent(host: RootHost, nbytes: number): Addr {
  const addr = host.layers.pages.persistentAlloc(nbytes, 64);
  if (addr === 0) throw exhausted(host, nbytes);
  return addr;
}

/** The error for a record that there is no room for. */
export function exhausted(host: RootHost, nbytes: number): HeapExhaustedError {
  return new HeapExhaustedError(nbytes, host.layers.config.maxBytes);
}
