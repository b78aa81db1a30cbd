import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BumpObjectHeap } from "../testing/bump-object-heap.ts";
import { Strings } from "./strings.ts";

/** Text of all kinds: ASCII, any characters, and any UTF-16 units, so lone surrogates too; short and longer than any copy that is kept. */
const units = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 }).map((all) => String.fromCharCode(...all));
const text = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: "binary", maxLength: 60 }), fc.string({ unit: "grapheme" }), units);
const LONG = ["a".repeat(40_000), "é".repeat(20_000), `${"x".repeat(20_000)}😀`, `${"y".repeat(20_000)}\ud800`];

describe.each([["Node's Buffer", {}], ["TextEncoder and TextDecoder", { buffer: false }]])("strings by %s", (_way, options) => {
  const make = (): [Strings, BumpObjectHeap] => {
    const heap = BumpObjectHeap.create({ bytes: 8 << 20 });
    return [new Strings(heap, options), heap];
  };

  test("every string comes back as it was, with both its lengths", () => {
    const [strings] = make();
    const back = (value: string): void => {
      const ref = strings.alloc(value);
      expect(strings.get(ref)).toBe(value);
      expect(strings.length(ref)).toBe(value.length);
      expect(strings.byteLength(ref)).toBe(new TextEncoder().encode(value).length);
    };
    fc.assert(fc.property(text, back), { numRuns: 500 });
    for (const value of ["", "a", "\0", "\ufeffbom", "\u007f\u0080", "\u07ff\u0800", "\uffff", "\u{10ffff}", "\udc00\ud800", ...LONG]) back(value);
  });

  test("well-formed text is UTF-8, byte for byte", () => {
    const [strings] = make();
    fc.assert(fc.property(fc.string({ unit: "binary" }), (value) => {
      expect([...strings.utf8Of(strings.alloc(value))]).toEqual([...new TextEncoder().encode(value)]);
    }));
  });

  test("equals says what === says, on what is equal, nearly equal, and unlike", () => {
    const [strings] = make();
    const near = fc.tuple(text, fc.nat(), fc.integer({ min: 0, max: 0xffff })).map(([value, at, unit]): [string, string] => {
      const i = value.length === 0 ? 0 : at % value.length;
      return [value, value.slice(0, i) + String.fromCharCode(unit) + value.slice(i + 1)];
    });
    fc.assert(
      fc.property(fc.oneof(near, fc.tuple(text, text), text.map((value): [string, string] => [value, value])), ([a, b]) => {
        const ref = strings.alloc(a);
        expect(strings.equals(ref, b)).toBe(a === b);
        expect(strings.equalRefs(ref, strings.alloc(b))).toBe(a === b);
      }),
      { numRuns: 500 },
    );
  });

  test("the empty string is nil, and nil reads as the empty string", () => {
    const [strings, heap] = make();
    expect(strings.alloc("")).toBe(0);
    expect(heap.allocations).toEqual([]);
    expect([strings.get(0), strings.length(0), strings.byteLength(0), strings.equals(0, ""), strings.equals(0, "a"), strings.utf8Of(0).length]).toEqual(["", 0, 0, true, false, 0]);
  });

  test("a string is an object without pointers, of 8 bytes and its UTF-8", () => {
    const [strings, heap] = make();
    strings.alloc("grün");
    expect(heap.allocations).toMatchObject([{ nbytes: 8 + 5, ptrMask: 0, typeAddr: 0 }]);
  });
});

test("what one way writes, the other reads", () => {
  const heap = BumpObjectHeap.create({ bytes: 8 << 20 });
  const [one, two] = [new Strings(heap), new Strings(heap, { buffer: false })];
  fc.assert(
    fc.property(text, (value) => {
      expect(two.get(one.alloc(value))).toBe(value);
      expect(one.get(two.alloc(value))).toBe(value);
    }),
  );
});
