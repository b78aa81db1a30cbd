/** Every kind of field and element, on raw refs: what is written comes back, and nothing else changes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BumpObjectHeap } from "../testing/bump-object-heap.ts";
import { array, bool, bytes, f32, f64, fixed, i16, i32, i8, ref, str, struct, u16, u32, u8, type FieldType, type IntKind } from "./declare.ts";
import { TypeTable } from "./type-table.ts";

interface Accessor {
  get(ref: number, i?: number): unknown;
  set(ref: number, ...args: unknown[]): void;
}

const INTS: Readonly<Record<IntKind, readonly [number, number]>> = {
  i8: [-128, 127], u8: [0, 255], i16: [-32768, 32767], u16: [0, 65535], i32: [-2147483648, 2147483647], u32: [0, 4294967295],
};
const KINDS: readonly [string, FieldType, fc.Arbitrary<unknown>][] = [
  ...Object.entries({ i8, u8, i16, u16, i32, u32 }).map(([name, type]): [string, FieldType, fc.Arbitrary<unknown>] => {
    const [min, max] = INTS[name as IntKind];
    return [name, type, fc.integer({ min, max })];
  }),
  ["f32", f32, fc.float()],
  ["f64", f64, fc.double()],
  ["bool", bool, fc.boolean()],
  ["str", str, fc.string({ unit: "binary" })],
  ["bytes", bytes, fc.uint8Array()],
  ["ref", ref(struct("Target", {})), fc.integer({ min: 0, max: 4294967295 })],
];

describe.each([false, true])("fields, with checks: %s", (checks) => {
  // With checks a ref has to be one of an object; the range of refs is tested without.
  const kinds = KINDS.filter(([name]) => !checks || name !== "ref");

  test.each(kinds)("a field of kind %s keeps its value between others, in the object and inside a struct", (name, type, values) => {
    const heap = BumpObjectHeap.create({ bytes: 4 << 20, checks });
    const types = new TypeTable(heap);
    const Inner = struct(`Inner_${name}`, { before: u8, it: type, after: u8 });
    const Outer = types.bind(struct(`Outer_${name}`, { before: u8, it: type, inner: Inner, after: u8 }));
    const fields = Outer as unknown as { before: Accessor; it: Accessor; after: Accessor; inner: { before: Accessor; it: Accessor; after: Accessor } };
    fc.assert(
      fc.property(values, values, (a, b) => {
        const at = Outer.$type.alloc();
        for (const group of [fields, fields.inner]) {
          group.before.set(at, 0xaa);
          group.after.set(at, 0x55);
        }
        fields.it.set(at, a);
        fields.inner.it.set(at, b);
        expect([fields.it.get(at), fields.inner.it.get(at)]).toEqual([a, b]);
        for (const group of [fields, fields.inner]) expect([group.before.get(at), group.after.get(at)]).toEqual([0xaa, 0x55]);
      }),
    );
  });

  test.each(kinds)("elements of kind %s keep their values apart, in a fixed array, an array object, and structs in one", (name, type, values) => {
    const heap = BumpObjectHeap.create({ bytes: 4 << 20, checks });
    const types = new TypeTable(heap);
    const Fixed = types.bind(struct(`Fixed_${name}`, { before: u8, list: fixed(type, 3), after: u8 }));
    const List = types.bind(array(type));
    const Pairs = types.bind(array(struct(`Pair_${name}`, { n: u8, it: type })));
    const places: [Accessor, number][] = [
      [(Fixed.list as unknown as { at: Accessor }).at, Fixed.$type.alloc()],
      [List.at as unknown as Accessor, List.$type.allocArray(3)],
      [(Pairs.at as unknown as { it: Accessor }).it, Pairs.$type.allocArray(3)],
    ];
    fc.assert(
      fc.property(fc.array(values, { minLength: 3, maxLength: 3 }), (all) => {
        for (const [items, at] of places) {
          all.forEach((value, i) => items.set(at, i, value));
          expect(all.map((_, i) => items.get(at, i))).toEqual(all);
        }
        expect([Fixed.before.get(places[0]![1]), Fixed.after.get(places[0]![1]), List.length(places[1]![1]), Pairs.length(places[2]![1])]).toEqual([0, 0, 3, 3]);
      }),
      { numRuns: 30 },
    );
  });

  test.each(Object.entries({ i8, u8, i16, u16, i32, u32 }))("atomic operations on %s do what they say and give the old value", (name, type) => {
    const types = new TypeTable(BumpObjectHeap.create({ checks }));
    const [min, max] = INTS[name as IntKind];
    const T = types.bind(struct(`T_${name}`, { pad: u8, n: type }));
    const List = types.bind(array(type));
    const at = T.$type.alloc();
    const list = List.$type.allocArray(3);
    T.n.store(at, max);
    List.at.store(list, 2, max);
    // One step further is the smallest value: it wraps round, also in development mode.
    expect([T.n.add(at, 1), T.n.load(at), List.at.add(list, 2, 1), List.at.load(list, 2)]).toEqual([max, min, max, min]);
    expect([T.n.sub(at, 1), T.n.get(at), List.at.sub(list, 2, 1), List.at.get(list, 2)]).toEqual([min, max, min, max]);
    expect([T.n.exchange(at, 12), T.n.and(at, 10), T.n.or(at, 3), T.n.xor(at, 1), T.n.load(at)]).toEqual([max, 12, 8, 11, 10]);
    expect([List.at.exchange(list, 2, 12), List.at.and(list, 2, 10), List.at.or(list, 2, 3), List.at.xor(list, 2, 1), List.at.load(list, 2)]).toEqual([max, 12, 8, 11, 10]);
    expect([T.n.compareExchange(at, 10, 7), T.n.compareExchange(at, 10, 9), T.n.get(at)]).toEqual([10, 7, 7]);
    expect([List.at.compareExchange(list, 2, 10, 7), List.at.compareExchange(list, 2, 10, 9), List.at.get(list, 2)]).toEqual([10, 7, 7]);
    expect([List.at.get(list, 0), List.at.get(list, 1)]).toEqual([0, 0]);
  });
});

describe("refs", () => {
  const NodeType = struct("Node", { get next() { return ref(NodeType); }, name: str, data: bytes });

  test("every store of a pointer goes through the barrier, and nothing else does", () => {
    const heap = BumpObjectHeap.create();
    const types = new TypeTable(heap);
    const Node = types.bind(NodeType);
    const Nodes = types.bind(array(ref(NodeType)));
    const [a, list] = [Node.$type.alloc(), Nodes.$type.allocArray(1)];
    const stores: (() => unknown)[] = [
      () => Node.next.set(a, a), () => Node.next.compareExchange(a, a, 0), () => Node.name.set(a, "x"), () => Node.name.setRef(a, 0), () => Node.data.set(a, new Uint8Array(2)),
      () => Node.data.setRef(a, 0), () => Nodes.at.set(list, 0, a), () => Nodes.at.compareExchange(list, 0, a, 0), () => { types.viewOf(Node, a).next = null; },
    ];
    for (const [i, store] of stores.entries()) {
      store();
      expect(heap.barriers).toBe(i + 1);
    }
    Node.next.get(a);
    Node.next.load(a);
    Nodes.at.load(list, 0);
    expect(heap.barriers).toBe(stores.length);
  });

  test("compareExchange stores only over what was expected, and gives what was there", () => {
    const Node = new TypeTable(BumpObjectHeap.create()).bind(NodeType);
    const [a, b, c] = [Node.$type.alloc(), Node.$type.alloc(), Node.$type.alloc()];
    expect([Node.next.compareExchange(a, 0, b), Node.next.load(a)]).toEqual([0, b]);
    expect([Node.next.compareExchange(a, 0, c), Node.next.load(a)]).toEqual([b, b]);
  });

  test("a string and bytes can be shared by ref, and compared without decoding", () => {
    const types = new TypeTable(BumpObjectHeap.create());
    const Node = types.bind(NodeType);
    const [a, b] = [Node.$type.alloc(), Node.$type.alloc()];
    Node.name.set(a, "grüße");
    Node.name.setRef(b, Node.name.getRef(a));
    Node.data.set(a, new Uint8Array([1, 2]));
    Node.data.setRef(b, Node.data.getRef(a));
    Node.data.get(a)[0] = 9;
    expect([Node.name.get(b), Node.name.equals(b, "grüße"), Node.name.equals(b, "grüsse"), [...Node.data.get(b)]]).toEqual(["grüße", true, false, [9, 2]]);
  });

  test("a field's bytes above 2 GiB are reached", () => {
    const heap = BumpObjectHeap.create({ bytes: 3 * 2 ** 30 });
    const types = new TypeTable(heap);
    const at = 2 ** 31 + 4096;
    const T = types.bind(struct("High", { a: u8, b: u16, c: u32, d: f64, next: ref(NodeType), list: fixed(i16, 4) }));
    T.a.set(at, 1);
    T.b.set(at, 2);
    T.c.set(at, 3);
    T.d.set(at, 4);
    T.next.set(at, at);
    T.list.at.set(at, 3, -5);
    expect([T.a.get(at), T.b.get(at), T.c.get(at), T.d.get(at), T.next.get(at), T.list.at.get(at, 3)]).toEqual([1, 2, 3, 4, at, -5]);
    expect([...heap.region.u8.subarray(at, at + 3)]).toEqual([1, 0, 2]);
  });
});

describe("with checks, accessors on raw refs refuse", () => {
  const types = new TypeTable(BumpObjectHeap.create({ checks: true }));
  const NodeType = struct("Node", { get next() { return ref(NodeType); }, tag: u8, name: str, list: fixed(i32, 2), on: bool, x: f32 });
  const Node = types.bind(NodeType);
  const Bytes = types.bind(array(u8));
  const at = Node.$type.alloc();
  const list = Bytes.$type.allocArray(2);

  test.each<[string, string, () => unknown]>([
    ["a value out of range", "ERR_FIELD", () => Node.tag.set(at, 256)],
    ["a fraction", "ERR_FIELD", () => Node.tag.set(at, 0.5)],
    ["a value of another type", "ERR_FIELD", () => Node.tag.set(at, "1" as never)],
    ["an atomic store out of range", "ERR_FIELD", () => Node.tag.store(at, -1)],
    ["an expected value out of range", "ERR_FIELD", () => Node.tag.compareExchange(at, 300, 1)],
    ["an operand that is no integer", "ERR_FIELD", () => Node.tag.add(at, NaN)],
    ["a string that is none", "ERR_FIELD", () => Node.name.set(at, 5 as never)],
    ["a boolean that is none", "ERR_FIELD", () => Node.on.set(at, 1 as never)],
    ["a number too large for f32", "ERR_FIELD", () => Node.x.set(at, 1e39)],
    ["text to compare that is none", "ERR_FIELD", () => Node.name.equals(at, null as never)],
    ["a ref that is no integer", "ERR_FIELD", () => Node.next.set(at, -8)],
    ["a ref to no object", "ERR_NOT_ALLOCATED", () => Node.next.set(at, at + 8)],
    ["a string's ref to no object", "ERR_NOT_ALLOCATED", () => Node.name.setRef(at, 8)],
    ["nil as the object", "ERR_NOT_ALLOCATED", () => Node.tag.get(0)],
    ["the inside of an object", "ERR_NOT_ALLOCATED", () => Node.tag.get(at + 4)],
    ["an object that is too small for the type", "ERR_TYPE_MISMATCH", () => Node.tag.get(list)],
    ["an index past a fixed array", "ERR_FIELD", () => Node.list.at.get(at, 2)],
    ["an index past an array", "ERR_FIELD", () => Bytes.at.set(list, 2, 1)],
    ["an index below 0", "ERR_FIELD", () => Bytes.at.get(list, -1)],
    ["an index that is no integer", "ERR_FIELD", () => Bytes.at.get(list, "0" as never)],
    ["the length of no object", "ERR_NOT_ALLOCATED", () => Bytes.length(4)],
    ["a view of no object", "ERR_NOT_ALLOCATED", () => types.viewOf(Node, 12)],
  ])("%s", (_what, code, act) => {
    expect(act).toThrow(expect.objectContaining({ code }));
    expect([Node.tag.get(at), Node.next.get(at), Node.name.get(at), Bytes.length(list)]).toEqual([0, 0, "", 2]);
  });
});
