/**
 * The objects of a heap as a graph with names: roots, objects, and the refs between them; for those who ask why an object is alive, and for heap snapshots.
 *
 *     root (named, handle, callback, finalizer) ──► object ──field──► object ──[3]──► object
 *
 * Only the thread that asks rests meanwhile: it is in a turn, so nothing that was reachable when the turn began is swept under it. What other threads change while it
 * walks is seen as it is when the walk comes by.
 *
 * An object with a finalizer is no root, but what it reaches is kept: it is walked from last, as a root of kind "finalizer" that leads to what it points to.
 */
import { loadRef, type ObjectMap, type Specials } from "@mallocgc/gc";
import { MSpan } from "@mallocgc/mspan";
import type { Collector } from "../collector.ts";
import type { Layers } from "../layers.ts";
import type { TypeTable } from "../types/type-table.ts";
import { TYPE_UNKNOWN, TypeNames, type TypeId } from "./type-names.ts";

const { largeType: LARGE_TYPE } = MSpan.offset;

/** What keeps objects: a named root; a handle or a scope; a finalizer that is due; an object that has a finalizer. */
export type RootKind = "named" | "handle" | "callback" | "finalizer";

/** A root, and the object that it leads to. */
export interface GraphRoot {
  readonly kind: RootKind;
  /** Of a named root its name; of others what they are. */
  readonly name: string;
  readonly to: GraphObject;
}

/** An object, by the address that refs to it have. */
export interface GraphObject {
  readonly ref: number;
  readonly type: TypeId;
}

/** A ref in an object. */
export interface GraphEdge {
  /** The field, `[i]`, or `+bytes` when the type is not known. */
  readonly name: string;
  /** Of an array's element that is a ref: which; else -1. */
  readonly index: number;
  readonly to: GraphObject;
}

/** The graph of one heap. The caller is in a turn from before it is made until it is done with it. */
export class HeapGraph {
  readonly names: TypeNames;
  private readonly layers: Layers;
  private readonly collector: Collector;
  private readonly specials: Specials;
  private readonly objects: ObjectMap;
  private readonly mem: Int32Array;

  constructor(layers: Layers, collector: Collector, types: TypeTable) {
    this.layers = layers;
    this.collector = collector;
    this.specials = collector.specials;
    this.objects = collector.objects;
    this.mem = layers.region.i32;
    this.names = new TypeNames(types);
  }

  /** All roots that lead to an object, named ones first; objects with finalizers are not among them. */
  *roots(): Generator<GraphRoot> {
    const { named, handles } = this.collector.roots;
    for (const { name, ref, type } of named.entries()) yield* this.root("named", name, ref, type);
    for (const [from, length] of handles.slots.ranges()) for (let i = 0; i < length; i++) yield* this.root("handle", "handle", loadRef(this.mem, from + i), TYPE_UNKNOWN);
    for (const [word] of this.specials.queues.ranges()) yield* this.root("callback", "finalizer that is due", loadRef(this.mem, word), TYPE_UNKNOWN);
  }

  /** Objects that have a finalizer. */
  finalizable(): GraphObject[] {
    const found: GraphObject[] = [];
    this.specials.forEachFinalizer((addr) => {
      const object = this.objectAt(addr, TYPE_UNKNOWN);
      if (object !== undefined) found.push(object);
    });
    return found;
  }

  private *root(kind: RootKind, name: string, ref: number, type: TypeId): Generator<GraphRoot> {
    const to = ref === 0 ? undefined : this.objectAt(ref, type);
    if (to !== undefined) yield { kind, name, to };
  }

  /** The object that an address points to or into; undefined when there is none. `type` is what the pointer says, if it says anything. */
  objectAt(addr: number, type: TypeId): GraphObject | undefined {
    const { pages, spans } = this.layers;
    const s = pages.spanOf(addr);
    if (s === 0) return undefined;
    const slot = spans.slotOf(s, addr);
    if (!spans.wasHandedOutConfirmed(s, slot)) return undefined;
    const base = spans.slotAddr(s, slot);
    const header = this.objects.headerOf(s);
    // What the object itself says is right; a pointer may say less.
    const own = header === 0 ? this.mem[s + LARGE_TYPE]! >>> 0 : this.mem[base >>> 2]! >>> 0;
    return { ref: base + header, type: own === 0 ? type : own };
  }

  /** Bytes of the object's slot. */
  sizeOf({ ref }: GraphObject): number {
    return this.layers.spans.elemSize(this.layers.pages.spanOf(ref));
  }

  /** The refs in an object, in the order of their places. */
  edgesOf({ ref, type }: GraphObject): GraphEdge[] {
    const { pages, spans } = this.layers;
    const s = pages.spanOf(ref);
    const edges: GraphEdge[] = [];
    this.objects.forEachPointer(s, spans.slotOf(s, ref), (word) => {
      const addr = loadRef(this.mem, word >>> 2);
      if (addr === 0) return;
      const { name, index, type: target } = this.names.pointerAt(type, word - ref);
      const to = this.objectAt(addr, target);
      if (to !== undefined) edges.push({ name, index, to });
    });
    return edges;
  }

  /** What an object is called: its type's name, or its size where that is not known. */
  nameOf(object: GraphObject): string {
    return this.names.nameOf(object.type) ?? `(${this.sizeOf(object)} bytes)`;
  }
}
