/** What a collected heap refuses: the cases behind the rows of README.md's table of errors that are about one. errors.test.ts runs them. */
import { array, attachHeap, createHeap, f64, mutex, ref, str, struct, u8, type Heap, type HeapOptions } from "../index.ts";

const MIB = 1 << 20;
const NodeType = struct("Node", {
  get next() {
    return ref(NodeType);
  },
  tag: u8,
  value: f64,
  name: str,
  on: struct("Lock", { lock: mutex }),
});
const OtherType = struct("Other", { tag: u8 });
const ListType = array(u8);
const NO_TYPES: readonly unknown[] = [undefined, null, 5, "Node", {}, () => NodeType];

function bind(heap: Heap) {
  return { Node: heap.type(NodeType), Other: heap.type(OtherType), List: heap.type(ListType) };
}

/** A collected heap in development mode, with something live in it that a refused call must leave alone. */
export class CollectedScene {
  readonly heap: Heap;
  readonly types: ReturnType<typeof bind>;

  constructor(options: HeapOptions = {}) {
    this.heap = createHeap({ maxBytes: 4 * MIB, gcWorkers: 0, checks: true, ...options });
    this.types = bind(this.heap);
    const { heap, types } = this;
    heap.turn(() => { heap.roots.set("live", heap.new(types.Node, { tag: 77, name: "live" })); });
  }

  /** A node of this turn. */
  node(): number {
    return this.heap.alloc(this.types.Node);
  }

  /** Addresses of objects that were collected while others of their span live. */
  collected(): number[] {
    const { heap, types } = this;
    const addrs = heap.turn(() => Array.from({ length: 3 }, () => heap.alloc(types.Node)));
    heap.gcSync();
    return addrs;
  }

  /** What is wrong with the heap; nothing, whatever was refused. */
  broken(): string[] {
    const { heap, types } = this;
    const live = heap.turn(() => {
      const node = heap.roots.get("live", types.Node);
      return node?.tag === 77 && node.name === "live" && heap.alloc(types.Node) > 0;
    });
    heap.gcSync();
    const { broken } = heap.verify();
    return [...(live ? [] : ["what is live is as it was"]), ...broken.map((b) => JSON.stringify(b))];
  }
}

/** `values`, one after another, go into `call`, which is refused. */
export interface CollectedCase {
  readonly values: (scene: CollectedScene) => readonly unknown[];
  readonly call: (scene: CollectedScene, value: never) => unknown;
}

const given = (...values: readonly unknown[]) => (): readonly unknown[] => values;
const NO_ADDRESSES: readonly unknown[] = [undefined, null, "64", 64n, {}, NaN, -8, 0.5, 2 ** 32];

/** Each takes the ref of a node. */
const takesRef: Record<string, CollectedCase["call"]> = {
  "T.field.get": ({ types }, at) => types.Node.tag.get(at),
  "T.field.set": ({ types }, at) => { types.Node.tag.set(at, 1); },
};
const wrongRefs: Record<string, CollectedCase["values"]> = {
  "a ref that is no address, with checks": given(...NO_ADDRESSES),
  "0, which is nil, with checks": given(0),
  "a ref outside the heap, with checks": ({ heap }) => [8, heap.maxBytes, 2 ** 32 - 8],
  "a ref to an object that was collected, with checks": (scene) => scene.collected(),
  "a ref into an object, with checks": (scene) => [scene.node() + 4],
  "a ref to an object that is too small for the type, with checks": ({ heap, types }) => [heap.alloc(types.Other), heap.mallocgc(16)],
};

/** Each takes what can be a root. */
const takesRoot: Record<string, CollectedCase["call"]> = {
  "roots.set": ({ heap }, value) => { heap.roots.set("x", value); },
  root: ({ heap }, value) => heap.root(value),
  "scope.root": ({ heap }, value) => heap.scope().root(value),
  "handle.set": ({ heap }, value) => { heap.root(null).set(value); },
};

/** Each is of a handle that is gone. */
const ofHandle: Record<string, CollectedCase["call"]> = {
  "handle.ref": (_scene, handle: { ref: number }) => handle.ref,
  "handle.set": (_scene, handle: { set(value: null): void }) => { handle.set(null); },
  "handle.move": (_scene, handle: { move(): unknown }) => handle.move(),
  "handle.dispose": (_scene, handle: { dispose(): void }) => { handle.dispose(); },
};
const goneHandles: CollectedCase["values"] = (scene) => {
  const [disposed, moved, used] = [0, 1, 2].map(() => scene.heap.root(scene.node()));
  disposed!.dispose();
  moved!.move();
  {
    using inScope = used!;
    inScope.set(null);
  }
  return [disposed, moved, used];
};

/** Each is for collected heaps. */
export const COLLECTED_ONLY: Record<string, (heap: Heap) => unknown> = {
  type: (heap) => heap.type(NodeType),
  new: (heap) => heap.new(NodeType as never),
  at: (heap) => heap.at(NodeType as never, 64),
  turn: (heap) => heap.turn(() => 1),
  safepoint: (heap) => { heap.safepoint(); },
  roots: (heap) => heap.roots,
  root: (heap) => heap.root(null),
  scope: (heap) => heap.scope(),
  adopt: (heap) => heap.adopt({}),
  weak: (heap) => heap.weak(64),
  unique: (heap) => heap.unique("x"),
  setFinalizer: (heap) => { heap.setFinalizer(64, () => undefined); },
  addCleanup: (heap) => heap.addCleanup(64, () => undefined, 0),
  gcSync: (heap) => { heap.gcSync(); },
  gcStats: (heap) => heap.gcStats(),
  gcCycles: (heap) => heap.gcCycles(),
  gcTrace: (heap) => heap.gcTrace(),
  "debug.setGCPercent": (heap) => heap.debug.setGCPercent(100),
};

/** By `call: what was given`, as the table has it. */
export const COLLECTED_CASES: Record<string, CollectedCase> = {
  "createHeap: gcPercent no integer from -1, gcWorkers none from 0 to 8, heapMinimum or memoryLimit none from 0": {
    values: given({ gcPercent: -2 }, { gcPercent: 0.5 }, { gcPercent: "100" }, { gcWorkers: 9 }, { gcWorkers: null }, { heapMinimum: -1 }, { heapMinimum: NaN }, { memoryLimit: -1 }, { memoryLimit: "64 MiB" }),
    call: (_scene, options: HeapOptions) => createHeap(options),
  },
  "createHeap: memProfileRate no integer from 0 to 2^31 - 1, memProfileBytes none from 0 to 1 GiB": {
    values: given({ memProfileRate: -1 }, { memProfileRate: 0.5 }, { memProfileRate: 2 ** 31 }, { memProfileRate: "1" }, { memProfileBytes: -1 }, { memProfileBytes: 2 ** 30 + 1 }, { memProfileBytes: null }),
    call: (_scene, options: HeapOptions) => createHeap(options),
  },
  "createHeap: gc, checks, gcCheckMark or clobberFree no boolean": {
    values: given({ gc: 1 }, { checks: "yes" }, { gcCheckMark: null }, { clobberFree: 0 }),
    call: (_scene, options: HeapOptions) => createHeap(options),
  },
  "createHeap: debug no object, with an unknown name, a switch that is no boolean or a write that is no function": {
    values: given({ debug: null }, { debug: "gctrace=1" }, { debug: { gctrace: 1 } }, { debug: { gotrace: true } }, { debug: { write: "stderr" } }),
    call: (_scene, options: HeapOptions) => createHeap(options),
  },
  "debug.setMemProfileRate: no integer from 0 to 2^31 - 1": { values: given(undefined, null, "1", 1n, -1, 0.5, NaN, 2 ** 31), call: ({ heap }, rate) => heap.debug.setMemProfileRate(rate) },
  "debug.setGCPercent: no integer": { values: given(undefined, null, "100", 1n, 0.5, NaN, Infinity), call: ({ heap }, percent) => heap.debug.setGCPercent(percent) },
  "debug.setMemoryLimit: no number": { values: given(undefined, null, "64 MiB", 1n, {}, NaN), call: ({ heap }, bytes) => heap.debug.setMemoryLimit(bytes) },
  "free: anything, in a collected heap": { values: (scene) => [[scene.node()], [0], [-1], [undefined]], call: ({ heap }, [addr]: [number]) => { heap.free(addr); } },
  "mallocgc: noscan: false, in a collected heap": { values: given({ noscan: false }), call: ({ heap }, options) => heap.mallocgc(64, options) },

  "type: what is no struct and no array": { values: given(...NO_TYPES, f64, str, ref(NodeType)), call: ({ heap }, type) => heap.type(type) },
  "type: a struct with a field of no type or a name that is taken, or inside itself": {
    values: () => {
      const inside: object = struct("Inside", {
        get self() {
          return inside;
        },
      });
      return [struct("A", { x: 5 }), struct("A", { x: ListType }), struct("A", { $ref: u8 }), struct("A", { next: ref(() => 7 as never) }), inside];
    },
    call: ({ heap }, type) => heap.type(type),
  },
  "type: another layout under a name that the heap has": {
    values: given(struct("Node", { tag: u8 }), struct("Other", { tag: f64 }), struct("Holder", { other: ref(struct("Other", { tag: f64 })) })),
    call: ({ heap }, type) => heap.type(type),
  },
  "new: what is no type": { values: given(...NO_TYPES), call: ({ heap }, type) => heap.new(type) },
  "at: what is no type": { values: given(...NO_TYPES), call: (scene, type) => scene.heap.at(type, scene.node()) },
  "alloc: what is no type of the heap": { values: given(undefined, null, 5, "Node", {}, NodeType), call: ({ heap }, type) => heap.alloc(type) },
  "alloc: a length, of a struct": { values: given(0, 1, -1), call: ({ heap, types }, n) => heap.alloc(types.Node, n) },
  "alloc: a length that is no integer from 0, or too large": { values: given(null, "1", 1n, NaN, -1, 0.5, 2 ** 31), call: ({ heap, types }, n) => heap.alloc(types.List, n) },
  "alloc: more than there is room for": { values: given([8 * MIB], [2 ** 29]), call: ({ heap, types }, [n]: [number]) => heap.alloc(types.List, n) },
  "new: fields that the type has not, or no object": { values: given({ tog: 1 }, 5, "x", { tag: 1, $ref: 2 }), call: ({ heap, types }, init) => heap.new(types.Node, init) },
  "new: a value that the field cannot hold": {
    values: given({ tag: 256 }, { tag: -1 }, { tag: 0.5 }, { tag: "1" }, { tag: NaN }, { value: "1" }, { value: null }, { name: 5 }),
    call: ({ heap, types }, init) => heap.new(types.Node, init),
  },
  "new: what is no view of the type that a ref points to": {
    values: ({ heap, types }) => [{ next: heap.new(types.Other) }, { next: 64 }, { next: {} }],
    call: ({ heap, types }, init) => heap.new(types.Node, init),
  },
  "view.field: a value that the field cannot hold": {
    values: given(256, -1, 0.5, "1", undefined, null),
    call: ({ heap, types }, value) => { heap.new(types.Node).tag = value; },
  },
  "view.field: what is no view of the type that a ref points to": {
    values: ({ heap, types }) => [heap.new(types.Other), {}, new CollectedScene().heap.roots.get("live", types.Node as never)],
    call: ({ heap, types }, value) => { heap.new(types.Node).next = value; },
  },
  "view.field: of a view from a turn that is over, with checks": {
    values: ({ heap, types }) => [heap.turn(() => heap.roots.get("live", types.Node))],
    call: (_scene, view: { tag: number }) => view.tag,
  },
  "T.field.set: a value that the field cannot hold, with checks": { values: given(256, -1, 0.5, "1", NaN, undefined), call: (scene, value) => { scene.types.Node.tag.set(scene.node(), value); } },
  "T.at.get: an index that is not there, with checks": { values: given(-1, 3, 0.5, "0", undefined), call: ({ heap, types }, i) => types.List.at.get(heap.alloc(types.List, 3), i) },
  "T.lock.lock: a mutex that this thread holds already": {
    values: (scene) => [[scene.node()]],
    call: ({ types }, [at]: [number]) => {
      types.Node.on.lock.lock(at);
      types.Node.on.lock.lock(at);
    },
  },
  "T.lock.unlock: a mutex that this thread does not hold": { values: (scene) => [[scene.node()]], call: ({ types }, [at]: [number]) => { types.Node.on.lock.unlock(at); } },

  "turn: no function, or one that is asynchronous": { values: given(undefined, 5, {}, async () => { await Promise.resolve(); }, () => Promise.resolve()), call: ({ heap }, fn) => heap.turn(fn) },
  "gc: inside a turn": { values: given(0), call: ({ heap }) => heap.turn(() => [heap.gc()])[0] },
  "gcSync: inside a turn": { values: given(0), call: ({ heap }) => { heap.turn(() => { heap.gcSync(); }); } },
  "freeOSMemory: inside a turn": { values: given(0), call: ({ heap }) => { heap.turn(() => { heap.freeOSMemory(); }); } },
  "freeOSMemoryAsync: inside a turn": { values: given(0), call: ({ heap }) => heap.turn(() => [heap.freeOSMemoryAsync()])[0] },

  "roots.set: a name that is no string, or an empty, too long or ill-formed one": {
    values: given(undefined, null, 5, "", "x".repeat(10_000), "\ud800"),
    call: (scene, name) => { scene.heap.roots.set(name, scene.node()); },
  },
  "roots.get: a name that was never set, or was deleted": {
    values: ({ heap }) => {
      heap.roots.set("deleted", null);
      heap.roots.delete("deleted");
      return ["deleted", "never"];
    },
    call: ({ heap }, name) => heap.roots.get(name),
  },
  "roots.get: as another type than it was set": { values: given("live"), call: ({ heap, types }, name) => heap.roots.get(name, types.Other) },
  "roots.wait: a name that nobody sets in that time": { values: given("never"), call: ({ heap }, name) => heap.roots.wait(name, 1) },
  "roots.waitAsync: a name that nobody sets in that time": { values: given("never"), call: ({ heap }, name) => heap.roots.waitAsync(name, 1) },
  "roots.wait: a time that is no number from 0": { values: given(-1, NaN, "1", {}), call: ({ heap }, ms) => heap.roots.wait("never", ms) },

  "scope.root: when the scope has ended": {
    values: ({ heap }) => {
      const scope = heap.scope();
      scope.dispose();
      return [scope];
    },
    call: (_scene, scope: { root(value: null): unknown }) => scope.root(null),
  },
  "scope.dispose: when the scope has ended": {
    values: ({ heap }) => {
      const scope = heap.scope();
      scope.dispose();
      return [scope];
    },
    call: (_scene, scope: { dispose(): void }) => { scope.dispose(); },
  },
  "adopt: what is no handle": {
    values: ({ heap }) => {
      const message = { ...(structuredClone(heap.root(null)) as object) };
      return [undefined, null, 5, "handle", {}, { ...message, type: "x" }, { ...message, slot: 1e9 }, { ...message, slot: -1 }, { ...message, generation: "1" }, { type: "mallocgc.root" }];
    },
    call: ({ heap }, message) => heap.adopt(message),
  },
  "adopt: a handle of another heap": { values: () => [structuredClone(new CollectedScene().heap.root(null))], call: ({ heap }, message) => heap.adopt(message) },
  "adopt: a handle that was disposed of before, or adopted by another": {
    values: ({ heap }) => {
      const handle = heap.root(null);
      const message = structuredClone(handle);
      handle.dispose();
      const moved = heap.root(null).move();
      heap.adopt(moved);
      return [message, moved];
    },
    call: ({ heap }, message) => heap.adopt(message),
  },

  "setFinalizer: no function": { values: given(undefined, 5, {}), call: (scene, fn) => { scene.heap.setFinalizer(scene.node(), fn); } },
  "setFinalizer: what is no object": { values: given(undefined, "x", {}, 0), call: ({ heap }, value) => { heap.setFinalizer(value, () => undefined); } },
  "setFinalizer: an object that has one": {
    values: given([]),
    call: (scene) => {
      const at = scene.node();
      scene.heap.setFinalizer(at, () => undefined);
      scene.heap.setFinalizer(at, () => undefined);
    },
  },
  "addCleanup: no function": { values: given(undefined, null, 5, {}), call: (scene, fn) => scene.heap.addCleanup(scene.node(), fn, 0) },
  "addCleanup: what is no object": { values: given(undefined, "x", {}, 0), call: ({ heap }, value) => heap.addCleanup(value, () => undefined, 0) },
  "addCleanup: the object itself as argument": {
    values: given([]),
    call: (scene) => {
      const at = scene.node();
      return scene.heap.addCleanup(at, () => undefined, at);
    },
  },
  "weak: what is no object": { values: given(undefined, null, "x", {}, 0, -8, 0.5, 8), call: ({ heap }, value) => heap.weak(value) },
  "unique: neither a well-formed string nor a Uint8Array": { values: given(undefined, null, 5, {}, "\ud800", [1]), call: ({ heap }, value) => heap.unique(value) },
  "bury: what is no P, or this thread's own": { values: ({ heap }) => [undefined, "1", -1, 0.5, 1000, [heap.processorId]], call: ({ heap }, id: unknown) => heap.bury((Array.isArray(id) ? id[0] : id) as number) },
};

for (const [name, values] of Object.entries(wrongRefs)) for (const [fn, call] of Object.entries(takesRef)) COLLECTED_CASES[`${fn}: ${name}`] = { values, call };
for (const [fn, call] of Object.entries(takesRoot)) {
  COLLECTED_CASES[`${fn}: what is no address, no view and not null`] = { values: given(undefined, "x", {}, true, NaN, -8, 0.5, 2 ** 32), call };
  COLLECTED_CASES[`${fn}: an address where no object is`] = { values: ({ heap }) => [8, heap.maxBytes - 8, heap.maxBytes], call };
}
for (const [fn, call] of Object.entries(ofHandle)) COLLECTED_CASES[`${fn}: when the handle was disposed of, or moved`] = { values: goneHandles, call };
for (const [fn, call] of Object.entries(COLLECTED_ONLY)) {
  COLLECTED_CASES[`${fn}: in a heap made with gc: false`] = { values: () => [createHeap({ gc: false, maxBytes: MIB })], call: (_scene, heap: Heap) => call(heap) };
  COLLECTED_CASES[`${fn}: when this thread has left a collected heap`] = {
    values: ({ heap }) => {
      const [detached, closed] = [attachHeap(heap.handle), createHeap({ maxBytes: MIB, gcWorkers: 0 })];
      detached.detach();
      closed.close();
      return [detached, closed];
    },
    call: (_scene, heap: Heap) => call(heap),
  };
}
