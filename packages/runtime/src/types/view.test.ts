import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { FieldError, StaleRefError } from "../errors.ts";
import { BumpObjectHeap } from "../testing/bump-object-heap.ts";
import { array, bool, bytes, f64, fixed, i16, mutex, ref, str, struct, u8 } from "./declare.ts";
import { TypeTable } from "./type-table.ts";

const PointType = struct("Point", { x: i16, y: i16 });
const NodeType = struct("Node", {
  get next() {
    return ref(NodeType);
  },
  get all() {
    return ref(NodesType);
  },
  value: f64,
  name: str,
  tag: u8,
  on: bool,
  data: bytes,
  at: PointType,
  list: fixed(i16, 3),
  lock: mutex,
});
const NodesType = array(ref(() => NodeType));
const PointsType = array(struct("Place", { name: str, at: PointType, lock: mutex }));

function scene(checks = false): { heap: BumpObjectHeap; types: TypeTable } {
  const heap = BumpObjectHeap.create({ checks });
  return { heap, types: new TypeTable(heap) };
}

describe.each([false, true])("views, with checks: %s", (checks) => {
  test("properties are the object's fields: what a view writes, accessors read, and the other way round", () => {
    const { types } = scene(checks);
    const Node = types.bind(NodeType);
    const node = types.create(Node, { value: 1.5, name: "näme", tag: 7, on: true, data: new Uint8Array([1, 2]), at: { y: -3 }, list: [1, 2, 3] });
    const at = node.$ref;
    expect([Node.value.get(at), Node.name.get(at), Node.tag.get(at), Node.on.get(at), [...Node.data.get(at)], Node.at.y.get(at), Node.list.at.get(at, 2)]).toEqual([1.5, "näme", 7, true, [1, 2], -3, 3]);
    Node.tag.set(at, 9);
    Node.at.x.set(at, 4);
    expect([node.tag, node.at.x, node.at.y, [...node.list]]).toEqual([9, 4, -3, [1, 2, 3]]);
    node.at.x = 5;
    node.list.set(0, -1);
    expect([Node.at.x.get(at), Node.list.at.get(at, 0)]).toEqual([5, -1]);
  });

  test("ref properties give and take views, null is nil", () => {
    const { types } = scene(checks);
    const Node = types.bind(NodeType);
    const node = types.create(Node);
    expect([node.next, node.all, node.name, node.data.length]).toEqual([null, null, "", 0]);
    node.next = types.create(NodeType, { name: "other" });
    node.all = types.create(NodesType, [node, null]);
    expect([node.next.name, node.all.length, node.all.at(0)?.$ref, node.all.at(1)]).toEqual(["other", 2, node.$ref, null]);
    node.next = null;
    expect(Node.next.get(node.$ref)).toBe(0);
  });

  test("structs and fixed arrays inside are written from plain values and from each other", () => {
    const { types } = scene(checks);
    const [a, b] = [types.create(NodeType, { at: { x: 1, y: 2 }, list: [4, 5, 6] }), types.create(NodeType)];
    b.at = a.at;
    b.list = a.list;
    expect([b.at.x, b.at.y, [...b.list]]).toEqual([1, 2, [4, 5, 6]]);
    a.at.x = 100;
    expect(b.at.x).toBe(1);
  });

  test("elements that are structs are views of a part", () => {
    const { types } = scene(checks);
    const places = types.create(PointsType, [{ name: "a", at: { x: 1 } }, { name: "b" }]);
    places.at(1).at.y = 8;
    places.set(0, { name: "c", at: { x: 2, y: 3 } } as never);
    expect(JSON.parse(JSON.stringify(places))).toEqual([{ name: "c", at: { x: 2, y: 3 } }, { name: "b", at: { x: 0, y: 8 } }]);
    places.at(1).lock.lock();
    expect([places.at(0).lock.tryLock(), places.at(1).lock.tryLock()]).toEqual([true, false]);
  });

  test("instanceof knows the views of a type, of objects and of parts, and no others", () => {
    const { types } = scene(checks);
    const [Node, Point, Nodes] = [types.bind(NodeType), types.bind(PointType), types.bind(NodesType)];
    const node = types.create(Node);
    const nodes = types.create(NodesType, 0);
    expect([node instanceof Node, node.at instanceof Point, node.at instanceof Node, nodes instanceof Nodes, nodes instanceof Node]).toEqual([true, true, false, true, false]);
    for (const other of [null, undefined, 5, {}, { $ref: node.$ref }, scene().types.create(NodeType)]) expect(other instanceof Node).toBe(false);
    expect(node.constructor.name).toBe("Node");
  });

  test("refOf gives the ref of a view of the type, and refuses others", () => {
    const { types } = scene(checks);
    const node = types.create(NodeType);
    expect(types.refOf(NodeType, node)).toBe(node.$ref);
    for (const other of [null, 5, {}, node.at, types.create(PointType)]) {
      expect(() => types.refOf(NodeType, other as never)).toThrow(expect.objectContaining({ code: "ERR_TYPE_MISMATCH" }));
    }
    expect(() => types.viewOf(NodeType, 0)).toThrow(expect.objectContaining({ code: "ERR_ADDRESS_NIL" }));
  });

  test.each<[string, unknown, string]>([
    ["tag", 256, "an integer from 0 to 255 (u8)"],
    ["tag", -1, "an integer from 0 to 255 (u8)"],
    ["tag", 1.5, "an integer from 0 to 255 (u8)"],
    ["tag", "1", "an integer from 0 to 255 (u8)"],
    ["tag", NaN, "an integer from 0 to 255 (u8)"],
    ["value", "1", "a number"],
    ["value", null, "a number"],
    ["name", 5, "a string"],
    ["name", null, "a string"],
    ["on", 1, "true or false"],
    ["data", [1, 2], "a Uint8Array"],
    ["at", 5, "an object with fields of Point"],
    ["list", [1, 2], "a list of 3 elements"],
    ["list", 3, "a list of 3 elements"],
    ["lock", 1, "no value: a mutex is locked and unlocked"],
  ])("a wrong value of %s, %o, is a FieldError that says what is allowed, and nothing is written", (field, value, allowed) => {
    const { types } = scene(checks);
    const node = types.create(NodeType, { tag: 3, value: 2, name: "n" });
    const before = JSON.stringify(node);
    const error = thrownBy(() => Object.assign(node, { [field]: value }));
    expect(error).toBeInstanceOf(FieldError);
    expect(error).toMatchObject({ code: "ERR_FIELD", field: `Node.${field}`, value, allowed });
    expect(JSON.stringify(node)).toBe(before);
  });

  test("wrong initial values are FieldErrors that name the field", () => {
    const { types } = scene(checks);
    expect(() => types.create(NodeType, { tagg: 1 } as never)).toThrow(/Node\.tagg takes nothing: there is no such field/);
    expect(() => types.create(NodeType, 5 as never)).toThrow(/Node takes an object with fields of Node, not 5/);
    expect(() => types.create(NodeType, { at: { z: 1 } } as never)).toThrow(/Node\.at\.z takes nothing/);
    expect(() => types.create(NodesType, "ab" as never)).toThrow(expect.objectContaining({ code: "ERR_FIELD" }));
    expect(() => types.create(array(u8), [1, 256])).toThrow(/\[\]u8 takes an integer from 0 to 255/);
  });

  test("a view of another type, of another heap, or of a part is ERR_TYPE_MISMATCH, and nothing is written", () => {
    const { types } = scene(checks);
    const node = types.create(NodeType);
    for (const wrong of [types.create(PointType), types.create(NodesType, 0), scene().types.create(NodeType), node.at, 5, node.$ref, {}, undefined]) {
      expect(() => Object.assign(node, { next: wrong })).toThrow(expect.objectContaining({ code: "ERR_TYPE_MISMATCH", message: expect.stringContaining("Node.next takes a view of Node") }));
      expect(node.next).toBe(null);
    }
  });

  test.each([-1, 3, 0.5, "0", NaN, undefined])("index %s of a list of 3 is a FieldError", (i) => {
    const node = scene(checks).types.create(NodeType);
    expect(() => node.list.at(i as never)).toThrow(expect.objectContaining({ code: "ERR_FIELD", value: i }));
    expect(() => node.list.set(i as never, 1)).toThrow(FieldError);
  });
});

describe("how views are shown", () => {
  test("inspect shows the type, the address and the fields, in circles and at any depth", () => {
    const { types } = scene();
    const node = types.create(NodeType, { value: 1.5, name: "a", at: { x: 1 } });
    node.next = node;
    node.all = types.create(NodesType, [node]);
    const address = `0x${node.$ref.toString(16)}`;
    const text = inspect(node, { depth: null, breakLength: Infinity });
    expect(text).toContain(`Node(${address}) { next: [Circular Node(${address})], all: []*Node(0x`);
    expect(text).toContain(`value: 1.5, name: 'a', tag: 0, on: false`);
    expect(text).toContain("at: Point { x: 1, y: 0 }, list: Node.list [ 0, 0, 0 ], lock: Mutex(free)");
    expect(inspect([[[node]]], { depth: 2 })).toContain(`[Node(${address})]`);
    const other = types.create(NodeType, { next: node });
    node.next = other;
    expect(inspect(node, { depth: 0 })).toContain(`[Node(0x${other.$ref.toString(16)})]`);
  });

  test("a bound type is shown by its fields, not by the memory behind its accessors", () => {
    expect(inspect(scene().types.bind(PointType))).toBe("type Point { x i16, y i16 }");
  });

  test("JSON has each object once; where it comes again, or too deep, its address stands", () => {
    const { types } = scene();
    const node = types.create(PointsHolder, {});
    node.self = node;
    node.data = new Uint8Array([1, 2]);
    expect(JSON.parse(JSON.stringify({ node }))).toEqual({ node: { self: { $ref: node.$ref }, data: [1, 2] } });
    let head = types.create(PointsHolder);
    for (let i = 0; i < 5000; i++) head = types.create(PointsHolder, { self: head });
    const json = JSON.stringify(head);
    expect(json.match(/"self"/g)).toHaveLength(100);
    expect(json).toContain('{"$ref":');
  });
});

const PointsHolder = struct("Holder", {
  get self() {
    return ref(PointsHolder);
  },
  data: bytes,
  lock: mutex,
});

describe("with checks, a view is good for its turn", () => {
  test("reading, writing and storing a view of an earlier turn is a StaleRefError; a new view of the same object is fine", () => {
    const { heap, types } = scene(true);
    const node = types.create(NodeType, { tag: 5 });
    const nodes = types.create(NodesType, [node]);
    const { list, at } = node;
    heap.endTurn();
    const fresh = types.viewOf(NodeType, node.$ref);
    expect(fresh.tag).toBe(5);
    const uses: (() => unknown)[] = [
      () => node.tag, () => (node.tag = 1), () => (fresh.next = node), () => nodes.at(0), () => nodes.set(0, fresh), () => [...nodes], () => list.at(0), () => at.x, () => JSON.stringify(node),
      () => types.refOf(NodeType, node), () => (fresh.all = nodes),
    ];
    for (const use of uses) {
      const error = thrownBy(use);
      expect(error).toBeInstanceOf(StaleRefError);
      expect(error).toMatchObject({ code: "ERR_STALE_REF", name: "StaleRefError" });
    }
    expect([fresh.tag, fresh.next, fresh.all]).toEqual([5, null, null]);
  });

  test("showing one says so and throws nothing", () => {
    const { heap, types } = scene(true);
    const node = types.create(NodeType, { tag: 5 });
    const title = `Node(0x${node.$ref.toString(16)})`;
    heap.endTurn();
    expect(inspect(node)).toBe(`[${title} of a turn that is over]`);
    expect(inspect({ node })).toBe(`{ node: [${title} of a turn that is over] }`);
  });

  test("without checks the turn does not matter", () => {
    const { heap, types } = scene(false);
    const node = types.create(NodeType, { tag: 5 });
    heap.endTurn();
    expect(node.tag).toBe(5);
  });
});

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
