import { describe, expect, test } from "vitest";
import { planFingerprint, planRegion, record, type FieldSpec, type TableSpec } from "./index.ts";

const field = (words?: number): FieldSpec => ({ access: "owner", doc: "a test's", ...(words === undefined ? {} : { words }) });
const table = (name: string, bytes: number, align = 4): TableSpec => ({ name, bytes, align, doc: "a test's" });

describe("record", () => {
  test("fields lie one after another in the order given", () => {
    const r = record("r", 8, { a: field(), b: field(3), c: field() });
    expect(r.offset).toEqual({ a: 0, b: 1, c: 4 });
    expect(r.words).toBe(8);
    expect(Object.isFrozen(r.offset)).toBe(true);
  });

  test("a declaration that takes more words than declared, or cannot keep its order, is refused", () => {
    expect(() => record("r", 3, { a: field(2), b: field(2) })).toThrow(/take 4 words, declared are 3/);
    expect(() => record("r", NaN, { a: field() })).toThrow(RangeError);
    for (const name of ["0", "A", "a-b", ""]) expect(() => record("r", 9, { [name]: field() }), name).toThrow(/camelCase/);
    for (const words of [0, -1, 1.5, NaN]) expect(() => record("r", 9, { a: field(words) })).toThrow(/whole number of words/);
  });
});

describe("planRegion", () => {
  test("tables are aligned, in order, and apart", () => {
    const plan = planRegion([table("a", 10), table("b", 100, 64), table("c", 0, 4096), table("d", 8, 8)], 20);
    expect(plan.tables.map((t) => [t.name, t.byteOffset])).toEqual([["a", 20], ["b", 64], ["c", 4096], ["d", 4096]]);
    expect(plan.end).toBe(4104);
    expect(plan.at("b")).toBe(16);
    expect(() => plan.at("x")).toThrow(/no table x/);
  });

  test("a table declared twice, or with an impossible size or alignment, is refused", () => {
    expect(() => planRegion([table("a", 1), table("a", 2)], 0)).toThrow(/twice/);
    for (const bytes of [-1, 1.5, NaN, Infinity]) expect(() => planRegion([table("a", bytes)], 0), String(bytes)).toThrow(/whole number of bytes/);
    for (const align of [0, 2, 12, -8, NaN, Infinity]) expect(() => planRegion([table("a", 4, align)], 0), String(align)).toThrow(/power of two/);
  });

  test("two layouts have one fingerprint exactly when every table and every field lies at the same place", () => {
    const plan = (...specs: TableSpec[]) => planRegion(specs, 0);
    const base = planFingerprint(plan(table("a", 8), table("b", 8)), [record("r", 4, { x: field(), y: field() })]);
    expect(planFingerprint(plan(table("a", 8), table("b", 8)), [record("r", 4, { x: field(), y: field() })])).toBe(base);
    const others = [
      planFingerprint(plan(table("a", 8), table("b", 8))),
      planFingerprint(plan(table("a", 12), table("b", 8)), [record("r", 4, { x: field(), y: field() })]),
      planFingerprint(plan(table("a", 8), table("b", 8, 64)), [record("r", 4, { x: field(), y: field() })]),
      planFingerprint(plan(table("b", 8), table("a", 8)), [record("r", 4, { x: field(), y: field() })]),
      planFingerprint(plan(table("a", 8), table("b", 8)), [record("r", 4, { y: field(), x: field() })]),
      planFingerprint(plan(table("a", 8), table("b", 8)), [record("r", 4, { x: field(2), y: field() })]),
      planFingerprint(plan(table("a", 8), table("b", 8)), [record("r", 5, { x: field(), y: field() })]),
    ];
    expect(new Set([base, ...others]).size).toBe(others.length + 1);
  });
});
