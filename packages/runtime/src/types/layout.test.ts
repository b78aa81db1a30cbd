import { describe, expect, test } from "vitest";
import { array, bool, bytes, f64, fixed, i16, i8, mutex, ref, str, struct, u16, u8, type FieldType, type ObjectType } from "./declare.ts";
import { layoutOf, nameOf, reachableFrom } from "./layout.ts";

const offsets = (type: ObjectType): Record<string, number> => Object.fromEntries(layoutOf(type).fields.map(({ name, offset }) => [name, offset]));

const Point = struct("Point", { x: f64, y: f64 });
const Named = struct("Named", { tag: u8, name: str });

describe("layout", () => {
  test("fields stand in the order declared, at multiples of their size, and the size is a multiple of the largest", () => {
    const type = struct("T", { a: u8, b: f64, c: i16, d: i8, e: bool, f: str, g: mutex });
    expect(offsets(type)).toEqual({ a: 0, b: 8, c: 16, d: 18, e: 19, f: 20, g: 24 });
    expect(layoutOf(type)).toMatchObject({ size: 32, align: 8 });
    expect(layoutOf(struct("U", { a: u16, b: u8 }))).toMatchObject({ size: 4, align: 2 });
    expect(layoutOf(struct("Empty", {}))).toMatchObject({ size: 0, align: 1, noscan: true });
  });

  test("structs and fixed arrays inside take their place with their own alignment", () => {
    expect(offsets(struct("T", { a: u8, p: Point, b: u8, n: Named, f: fixed(u16, 3), c: u8 }))).toEqual({ a: 0, p: 8, b: 24, n: 28, f: 36, c: 42 });
  });

  test("the pointer map has a bit for each ref, string and bytes, wherever they are", () => {
    const type = struct("T", { a: f64, r: ref(() => Point), n: Named, b: bytes, m: mutex, s: fixed(str, 2), n2: fixed(Named, 2), z: u8 });
    // Words: 0-1 a, 2 r, 3 n.tag, 4 n.name, 5 b, 6 m, 7-8 s, 9 tag, 10 name, 11 tag, 12 name, 13 z.
    expect(layoutOf(type)).toMatchObject({ ptrWords: 13, mask: [0b1_0101_1011_0100], noscan: false });
    expect(layoutOf(struct("N", { p: Point }))).toMatchObject({ ptrWords: 0, mask: [], noscan: true });
  });

  test("a pointer map goes on in further words", () => {
    const type = struct("T", { pad: fixed(f64, 16), first: str, gap: fixed(f64, 16), last: str });
    expect(layoutOf(type)).toMatchObject({ ptrWords: 67, mask: [0, 1, 1 << 2] });
  });

  test("an array's map is that of one element, behind a header of 8 bytes", () => {
    expect(layoutOf(array(Named))).toMatchObject({ name: "[]Named", kind: 1, size: 8, elemSize: 8, ptrWords: 2, mask: [2] });
    expect(layoutOf(array(u8))).toMatchObject({ elemSize: 1, noscan: true });
    expect(nameOf(array(ref(array(ref(Named)))))).toBe("[]*[]*Named");
  });

  test("a getter is called when the layout is needed, and its types are read once", () => {
    let calls = 0;
    const type = struct("T", {
      get next() {
        calls++;
        return ref(() => type as object);
      },
    });
    expect(calls).toBe(0);
    expect(layoutOf(type)).toBe(layoutOf(type));
    expect(calls).toBe(1);
  });

  test("all types that can be reached are found once each", () => {
    const A = struct("A", { get b() { return ref(() => B); }, p: fixed(Point, 2) });
    const B = struct("B", { get a() { return ref(A); }, get list() { return ref(List); } });
    const List = array(ref(A));
    expect(reachableFrom(A).map(nameOf)).toEqual(["A", "B", "Point", "[]*A"]);
  });
});

describe("wrong declarations are ERR_TYPE, and the message names the field", () => {
  const lay = (fields: object): unknown => layoutOf(struct("T", fields));
  const itself: ObjectType = struct("Self", { get inner() { return itself as FieldType; } });
  const arrays: ObjectType = array(ref(() => arrays as object));
  const nested = struct("Nested", { list: fixed(u8, 2) });

  test.each<[string, () => unknown, RegExp]>([
    ["a field that is no type", () => lay({ a: 5 }), /T\.a is 5/],
    ["an array as a field", () => lay({ a: array(u8) }), /T\.a is array/],
    ["a field's name with a digit first", () => lay({ "0": u8 }), /T\.0/],
    ["a field's name that views need", () => lay({ toJSON: u8 }), /T\.toJSON/],
    ["a field's name with $", () => lay({ $type: u8 }), /T\.\$type/],
    ["a struct that holds itself", () => layoutOf(itself), /Self holds itself/],
    ["an array of refs to itself", () => layoutOf(arrays), /array of refs to itself/],
    ["a struct of more than 1 GiB", () => lay({ a: fixed(f64, 1 << 24), b: fixed(fixedStruct(), 1 << 24) }), /larger than/],
    ["elements that hold a fixed array", () => layoutOf(array(nested)), /Nested\.list/],
    ["elements in which nothing can be kept", () => layoutOf(array(struct("Empty", {}))), /Empty/],
    ["a ref to a scalar", () => ref(u8), /u8/],
    ["a ref to a string", () => ref(str), /str and bytes are pointers already/],
    ["a ref to what is no type, found when it is looked at", () => lay({ get a() { return ref(() => ({})); } }), /refers to/],
    ["a struct without a name", () => struct("", {}), /""/],
    ["a struct named like an array", () => struct("[]u8", {}), /\[\]u8/],
    ["fields that are no object", () => struct("T", [u8]), /fields of T/],
    ["an array in an array", () => array(array(u8) as never), /wrap it in ref/],
    ["a fixed array in a fixed array", () => fixed(fixed(u8, 2), 2), /struct around it/],
    ["a fixed array of no length", () => fixed(u8, 0), /not 0/],
    ["elements that are no type", () => array("u8" as never), /"u8"/],
  ])("%s", (_name, act, message) => {
    expect(act).toThrow(expect.objectContaining({ code: "ERR_TYPE", message: expect.stringMatching(message) }));
  });
});

function fixedStruct(): FieldType {
  return struct("Big", { a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64, h: f64, i: f64 });
}
