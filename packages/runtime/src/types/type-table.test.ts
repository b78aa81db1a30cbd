import { describe, expect, test } from "vitest";
import { BumpObjectHeap } from "../testing/bump-object-heap.ts";
import { array, bool, bytes, f32, f64, fixed, i32, ref, str, struct, u32, u8 } from "./declare.ts";
import { KIND_ARRAY, KIND_STRUCT, layoutOf } from "./layout.ts";
import { TypeRecord, fingerprintOf } from "./type-record.ts";
import { TypeTable } from "./type-table.ts";

const Node = struct("Node", { get next() { return ref(Node); }, value: f64, name: str, tag: u8 });

function twoThreads(): [TypeTable, TypeTable] {
  const heap = BumpObjectHeap.create();
  return [new TypeTable(heap), new TypeTable(BumpObjectHeap.open(heap.region.memory, 2))];
}

describe("a type in the region", () => {
  test("a type declared alike in another thread is the same type there", () => {
    const [one, two] = twoThreads();
    const again = struct("Node", { get next() { return ref(again); }, value: f64, name: str, tag: u8 });
    expect(two.bind(again).$type.typeAddr).toBe(one.bind(Node).$type.typeAddr);
    expect(one.bind(again)).toBe(one.bind(Node));
    expect(one.names()).toEqual(["Node"]);
    expect(fingerprintOf(layoutOf(again))).toBe(fingerprintOf(layoutOf(Node)));
  });

  test.each<[string, object, RegExp]>([
    ["another type of a field", { next: ref(Node), value: f32, name: str, tag: u8 }, /2nd field is "value f64" there and "value f32" here/],
    ["another order", { value: f64, next: ref(Node), name: str, tag: u8 }, /1st field/],
    ["another name of a field", { next: ref(Node), value: f64, title: str, tag: u8 }, /3rd field is "name str" there and "title str" here/],
    ["a field less", { next: ref(Node), value: f64, name: str }, /4th field is "tag u8" there and nothing here/],
    ["a field more", { next: ref(Node), value: f64, name: str, tag: u8, more: u8 }, /5th field is nothing there/],
    ["no fields", {}, /1st field is "next \*Node" there and nothing here/],
    ["a ref to another type", { next: ref(struct("Other", {})), value: f64, name: str, tag: u8 }, /1st field is "next \*Node" there and "next \*Other" here/],
  ])("%s under the same name is a conflict, and the first field that differs is named", (_what, fields, message) => {
    const [one, two] = twoThreads();
    one.bind(Node);
    expect(() => two.bind(struct("Node", fields))).toThrow(expect.objectContaining({ code: "ERR_TYPE_CONFLICT", message: expect.stringMatching(message) }));
    expect(one.names().filter((name) => name === "Node")).toEqual(["Node"]);
    // The thread can still use what is there.
    expect(two.bind(Node).$type.name).toBe("Node");
  });

  test("a conflict in a type that is referred to, or is inside, is found at once", () => {
    const [one, two] = twoThreads();
    one.bind(struct("Inner", { a: u8 }));
    const Inner = struct("Inner", { a: u32 });
    expect(() => two.bind(struct("Outer", { inner: Inner }))).toThrow(expect.objectContaining({ code: "ERR_TYPE_CONFLICT" }));
    expect(() => two.bind(struct("Outer2", { list: ref(array(ref(Inner))) }))).toThrow(expect.objectContaining({ code: "ERR_TYPE_CONFLICT" }));
  });

  test("what the collector reads stands at the type's address: size, kind, words with pointers, element, mask", () => {
    const heap = BumpObjectHeap.create();
    const types = new TypeTable(heap);
    const words = (addr: number): number[] => [...heap.region.i32.subarray(addr >>> 2, (addr >>> 2) + 6)];
    const big = struct("Big", { pad: fixed(f64, 16), name: str });
    expect(words(types.bind(Node).$type.typeAddr).slice(0, 5)).toEqual([24, KIND_STRUCT, 5, 0, 0b10001]);
    expect(words(types.bind(big).$type.typeAddr)).toEqual([136, KIND_STRUCT, 33, 0, 0, 1]);
    expect(words(types.bind(array(Node)).$type.typeAddr).slice(0, 5)).toEqual([8, KIND_ARRAY, 5, 24, 0b10001]);
    expect(TypeRecord.offset.elemSize - TypeRecord.offset.size).toBe(3);
    expect(TypeRecord.offset.elemSize + 1).toBe(TypeRecord.words);
  });

  test("two tables that register many types at once find each other's", () => {
    const [one, two] = twoThreads();
    for (let i = 0; i < 50; i++) (i % 2 ? one : two).bind(struct(`T${i}`, { a: i % 3 ? u8 : str }));
    for (let i = 0; i < 50; i++) expect(one.bind(struct(`T${i}`, { a: i % 3 ? u8 : str })).$type.typeAddr).toBe(two.bind(struct(`T${i}`, { a: i % 3 ? u8 : str })).$type.typeAddr);
    expect(new Set(one.names()).size).toBe(50);
  });
});

describe("allocation", () => {
  function made(run: (types: TypeTable) => void): object {
    const heap = BumpObjectHeap.create();
    run(new TypeTable(heap));
    return heap.allocations.at(-1)!;
  }

  test("an object of up to 128 bytes tells its pointers as a mask, a larger one by its type, one without tells none", () => {
    expect(made((types) => types.bind(Node).$type.alloc())).toMatchObject({ nbytes: 24, ptrMask: 0b10001 });
    const edge = struct("Edge", { pad: fixed(f64, 15), a: u32, last: str });
    expect(made((types) => types.bind(edge).$type.alloc())).toMatchObject({ nbytes: 128, ptrMask: 1 << 31 });
    let typeAddr = 0;
    const big = struct("Big", { name: str, pad: fixed(f64, 16) });
    expect(made((types) => {
      typeAddr = types.bind(big).$type.typeAddr;
      types.bind(big).$type.alloc();
    })).toMatchObject({ nbytes: 136, ptrMask: 0, typeAddr });
    expect(made((types) => types.bind(struct("N", { a: f64 })).$type.alloc())).toMatchObject({ nbytes: 8, ptrMask: 0, typeAddr: 0 });
  });

  test("a small array's mask repeats the element's, a larger one is told by its type", () => {
    const pair = struct("Pair", { n: u32, name: str });
    expect(made((types) => types.bind(array(pair)).$type.allocArray(3))).toMatchObject({ nbytes: 32, ptrMask: 0b10101000 });
    expect(made((types) => types.bind(array(ref(Node))).$type.allocArray(30))).toMatchObject({ nbytes: 128, ptrMask: ~0b11 });
    expect(made((types) => types.bind(array(ref(Node))).$type.allocArray(31))).toMatchObject({ nbytes: 132, ptrMask: 0, typeAddr: expect.any(Number) });
    expect(made((types) => types.bind(array(u8)).$type.allocArray(5))).toMatchObject({ nbytes: 13, ptrMask: 0, typeAddr: 0 });
  });

  test.each([-1, 1.5, NaN, 2 ** 30, "3", undefined])("an array of %s elements is a FieldError", (length) => {
    const Ints = new TypeTable(BumpObjectHeap.create()).bind(array(i32));
    expect(() => Ints.$type.allocArray(length as never)).toThrow(expect.objectContaining({ code: "ERR_FIELD", field: "[]i32.length", value: length }));
  });

  test("what is no type of objects cannot be bound or made", () => {
    const types = new TypeTable(BumpObjectHeap.create());
    for (const wrong of [undefined, null, 5, "Node", {}, u8, str, bytes, bool]) {
      expect(() => types.bind(wrong as never)).toThrow(expect.objectContaining({ code: "ERR_TYPE" }));
      expect(() => types.create(wrong as never)).toThrow(expect.objectContaining({ code: "ERR_TYPE" }));
    }
  });
});
