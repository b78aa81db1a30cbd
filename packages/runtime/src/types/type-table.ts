/**
 * The types of a heap in one thread: from declarations to accessors and views.
 *
 *     const types = new TypeTable(heap);
 *     const Node = types.bind(NodeType);          // once, at the top of a module
 *     const ref = Node.$type.alloc();             // raw: no object on the JavaScript side
 *     Node.value.set(ref, 1.5);
 *     const node = types.create(Node, { value: 1.5, name: "n" });   // the same as an object
 *     node.next = node;
 *
 * `bind` registers the type and all that can be reached from it in the region, so a layout that differs from another
 * thread's is found here and not when the first object is misread. All is checked before anything is kept: a `bind` that throws
 * leaves no trace in this thread. (Of the types in the region, those that were fine stay: they are the first of their name.)
 *
 * A bound type's properties are its accessors; what else it has begins with `$`, which no field's name does. Keep it in a
 * constant of the module that uses it: the engine then knows the accessors, and a read is a single load (bench/fields.ts).
 */
import { HeapError } from "../errors.ts";
import { accessorOf, groupOf, type AccessorContext, type AccessorGroup } from "./accessor.ts";
import { Bytes } from "./bytes.ts";
import { describeType, isObjectType, targetOf, type FieldType, type ObjectType } from "./declare.ts";
import type { Bound, Init, RefTo, View } from "./infer.ts";
import { ARRAY_HEADER_BYTES, layoutOf, reachableFrom } from "./layout.ts";
import type { ObjectHeap } from "./object-heap.ts";
import { describeView } from "./show.ts";
import { assign, fill } from "./slot.ts";
import { Strings } from "./strings.ts";
import { TypeInfo } from "./type-info.ts";
import { TypeRecords } from "./type-record.ts";
import { ArrayMaker, StructMaker, typeOfView, type ItemsView, type ViewContext } from "./view.ts";

/** A type bound to a heap, whichever. */
interface AnyBound {
  readonly $type: TypeInfo;
}

interface Entry {
  readonly info: TypeInfo<ObjectType>;
  readonly bound: AnyBound;
  readonly maker: StructMaker | ArrayMaker;
}

const INSPECT: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;

export class TypeTable {
  readonly strings: Strings;
  readonly bytes: Bytes;
  private readonly heap: ObjectHeap;
  private readonly records: TypeRecords;
  private readonly accessors: AccessorContext;
  private readonly views: ViewContext;
  private readonly byDecl = new Map<ObjectType, Entry>();
  /** Declarations of one layout and name are one type. */
  private readonly byAddr = new Map<number, Entry>();

  constructor(heap: ObjectHeap) {
    this.heap = heap;
    this.strings = new Strings(heap);
    this.bytes = new Bytes(heap);
    this.records = new TypeRecords(heap);
    this.accessors = { heap, strings: this.strings, bytes: this.bytes };
    this.views = {
      heap,
      turns: heap.checks ? new WeakMap() : undefined,
      targetOf: (type, where) => this.entryOf(targetOf(type as never, where)).maker,
      infoOf: (type) => this.entryOf(type as ObjectType).info,
    };
  }

  /**
   * Makes a declared type a type of this heap: its accessors by field name. The same result each time.
   *
   * @throws HeapError `ERR_TYPE` when the declaration is wrong; `ERR_TYPE_CONFLICT` when the heap has a different type of this
   * name, or of the name of a type that it refers to.
   */
  bind<T extends ObjectType>(decl: T): Bound<T> {
    if (!isObjectType(decl)) throw new HeapError("ERR_TYPE", `a type of a heap is a struct or an array, not ${describeType(decl)}`);
    return (this.byDecl.get(decl) ?? this.bindAll(decl)).bound as Bound<T>;
  }

  /** A new object: of a struct with some of its fields, of an array with its elements or their number. The rest is zero. */
  create<T>(type: T, init?: Init<T extends { readonly $type: TypeInfo<infer D> } ? D : T>): View<T> {
    const { info, maker } = this.resolve(type);
    if (maker instanceof StructMaker) {
      const view = maker.make(info.alloc());
      if (init !== undefined) assign(maker, view, init, info.name);
      return view as View<T>;
    }
    return this.createArray(info, maker, init ?? 0) as View<T>;
  }

  /**
   * A view of the object at `ref`.
   *
   * @throws HeapError `ERR_ADDRESS_NIL` for nil; with checks, as the heap says, when there is no such object.
   */
  viewOf<T>(type: T, ref: RefTo<T>): View<T> {
    const { info, maker } = this.resolve(type);
    if (ref === 0) throw new HeapError("ERR_ADDRESS_NIL", `0 is nil, which has no view of ${info.name}`);
    if (this.heap.checks) {
      this.heap.checkObject(ref, info.layout.size);
      const { elemSize } = info.layout;
      if (maker instanceof ArrayMaker) this.heap.checkObject(ref, ARRAY_HEADER_BYTES + elemSize * this.heap.region.i32[ref >>> 2]!);
    }
    return maker.make(ref) as View<T>;
  }

  /**
   * The ref of the object that `view` is a view of.
   *
   * @throws HeapError `ERR_TYPE_MISMATCH` when it is no view of an object of this type in this heap.
   */
  refOf<T>(type: T, view: View<T>): RefTo<T> {
    const { info, maker } = this.resolve(type);
    const ref = maker.refOf(view);
    if (ref === 0) throw new HeapError("ERR_TYPE_MISMATCH", `a view of ${info.name} in this heap is needed, not ${describeView(view)}`);
    return ref as RefTo<T>;
  }

  /**
   * The ref of the object that `value` is a view of, whatever its type; -1 when it is no view of an object of this heap.
   *
   * @throws StaleRefError with checks, when the view is of an earlier turn.
   */
  refOfView(value: object): number {
    const entry = this.entryOfView(value);
    return entry === undefined ? -1 : entry.maker.refOf(value);
  }

  /** The type of the object that `value` is a view of, as the address of the collector's part of its record; 0 when it is no view of this heap. */
  typeAddrOfView(value: object): number {
    return this.entryOfView(value)?.info.typeAddr ?? 0;
  }

  /** The same of a type, declared or bound. */
  typeAddrOf(type: unknown): number {
    return this.resolve(type).info.typeAddr;
  }

  /** The name of the type whose collector's part is at `typeAddr`. */
  nameOf(typeAddr: number): string {
    return this.records.nameOf(typeAddr);
  }

  /** What this thread knows of the type whose collector's part is at `typeAddr`; undefined when it has not declared it. */
  infoAt(typeAddr: number): TypeInfo<ObjectType> | undefined {
    return this.byAddr.get(typeAddr)?.info;
  }

  private entryOfView(value: object): Entry | undefined {
    const info = typeOfView(value);
    const entry = info === undefined ? undefined : this.byAddr.get(info.typeAddr);
    return entry?.info === info ? entry : undefined;
  }

  /** The names of all types in the heap, of all threads. */
  names(): string[] {
    return this.records.names();
  }

  private createArray(info: TypeInfo, maker: ArrayMaker, init: unknown): ItemsView {
    if (typeof init === "number") return maker.make(info.allocArray(init));
    const values = typeof init === "object" && init !== null && Symbol.iterator in init ? [...(init as Iterable<unknown>)] : init;
    const view = maker.make(info.allocArray(Array.isArray(values) ? values.length : (values as number)));
    fill(view, values, info.name);
    return view;
  }

  /** What is known of a type, given as declared or as bound. */
  private resolve(type: unknown): Entry {
    const decl: unknown = typeof type === "object" && type !== null && "$type" in type ? (type as AnyBound).$type.decl : type;
    if (!isObjectType(decl)) throw new HeapError("ERR_TYPE", `a type, declared or bound, is needed, not ${describeType(type)}`);
    return this.entryOf(decl);
  }

  private entryOf(decl: ObjectType): Entry {
    return this.byDecl.get(decl) ?? this.bindAll(decl);
  }

  /** Binds `decl` and what it refers to; first what may throw, then what cannot. */
  private bindAll(decl: ObjectType): Entry {
    const all = reachableFrom(decl).map((each) => ({ decl: each, addr: this.records.register(layoutOf(each)) }));
    const fresh: Entry[] = [];
    for (const { decl: each, addr } of all) {
      let entry = this.byAddr.get(addr);
      if (entry === undefined) {
        entry = this.newEntry(new TypeInfo<ObjectType>(this.heap, each, layoutOf(each), addr));
        this.byAddr.set(addr, entry);
        fresh.push(entry);
      }
      this.byDecl.set(each, entry);
    }
    for (const entry of fresh) complete(entry);
    return this.byDecl.get(decl)!;
  }

  private newEntry(info: TypeInfo<ObjectType>): Entry {
    const { heap } = this;
    const { decl, layout, name } = info;
    const at = { where: name, offset: 0, stride: 0, count: 0, nbytes: layout.size };
    const maker = decl.kind === "struct" ? new StructMaker(this.views, info, false) : new ArrayMaker(this.views, info);
    let bound: object;
    if (decl.kind === "struct") {
      bound = groupOf(this.accessors, decl, at);
    } else {
      const first = { ...at, offset: ARRAY_HEADER_BYTES, stride: layout.elemSize };
      bound = { at: accessorOf(this.accessors, decl.elem as FieldType, first), length: lengthReader(heap) };
    }
    Object.defineProperties(bound, {
      $type: { value: info },
      [Symbol.hasInstance]: { value: (value: unknown): boolean => maker.owns(value) },
      [INSPECT]: { value: (): string => `type ${info.toString()}` },
    });
    return { info, maker, bound: bound as AnyBound };
  }
}

/** The second step: views of each type know those of the types that it refers to. */
function complete({ info, maker, bound }: Entry): void {
  if (maker instanceof StructMaker) maker.complete(bound as unknown as AccessorGroup, info.name, false, false);
  else maker.complete((info.decl as { elem: FieldType }).elem, (bound as unknown as { at: object }).at);
}

function lengthReader(heap: ObjectHeap): (ref: number) => number {
  const mem = heap.region.i32;
  if (!heap.checks) return (ref) => mem[ref >>> 2]!;
  return (ref) => {
    heap.checkObject(ref, ARRAY_HEADER_BYTES);
    return mem[ref >>> 2]!;
  };
}
