import { mkdtempSync, rmSync, writeFileSync, type ReadStream } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { getHeapSnapshot } from "node:v8";
import { getFullHeapFromFile } from "@memlab/heap-analysis";
import { parse } from "heap-snapshot-toolkit";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { heapSnapshot, type SnapshotEdge, type SnapshotNode } from "./heap-snapshot.ts";

type EdgeOf = readonly [type: SnapshotEdge["type"], name: string | number, to: number];

function node(id: number, name: string, selfSize: number, ...edges: readonly EdgeOf[]): SnapshotNode {
  return { id, type: name.startsWith("(") || name === "" ? "synthetic" : "object", name, selfSize, edges: edges.map(([type, edgeName, to]) => ({ type, name: edgeName, to })) };
}

async function text(nodes: Iterable<SnapshotNode>): Promise<string> {
  let all = "";
  for await (const chunk of heapSnapshot(nodes)) all += chunk;
  return all;
}

interface File {
  readonly snapshot: { readonly meta: Readonly<Record<string, unknown>>; readonly node_count: number; readonly edge_count: number };
  readonly nodes: readonly number[];
  readonly edges: readonly number[];
  readonly strings: readonly string[];
}

/** What the test uses of DevTools' snapshot, which has no types. */
interface DevToolsSnapshot {
  readonly nodeFieldCount: number;
  createNode(place: number): { id(): number; name(): string; selfSize(): number; retainedSize(): number; dominatorIndex(): number };
}

/**
 *     root ─► index ─► a ─► shared (100)      a, b: 24 each; index 40
 *                   ╰► b ─╯  ╰► leaf (8)
 *          ╰► cache ┄weak┄► lost (1000)       held by nothing else: not retained by cache
 *             b ─► own (64) ─► b              a cycle
 */
const GRAPH = [
  node(0, "", 0, ["property", "index", 160], ["property", "cache", 320]),
  node(160, "Index", 40, ["property", "left", 176], ["element", 7, 192]),
  node(176, "Entry", 24, ["property", "text", 208]),
  node(192, "Entry", 24, ["property", "text", 208], ["property", "own", 240]),
  node(208, "String", 100, ["property", "leaf", 224]),
  node(224, "Leaf", 8),
  node(240, "Own", 64, ["property", "back", 192]),
  node(320, "Cache", 16, ["weak", "entry", 336]),
  node(336, "Lost", 1000),
];

describe("memlab reads the file", () => {
  beforeEach(() => {
    // It tells its progress.
    vi.spyOn(console, "log").mockReturnValue();
    for (const stream of [process.stdout, process.stderr]) vi.spyOn(stream, "write").mockReturnValue(true);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  async function read(nodes: Iterable<SnapshotNode>): ReturnType<typeof getFullHeapFromFile> {
    const folder = mkdtempSync(join(tmpdir(), "heapsnapshot-"));
    try {
      const file = join(folder, "x.heapsnapshot");
      writeFileSync(file, await text(nodes));
      return await getFullHeapFromFile(file);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test("with the retained sizes and dominators that the graph has", async () => {
    const heap = await read(GRAPH);
    const of = (id: number): NonNullable<ReturnType<typeof heap.getNodeById>> => heap.getNodeById(2 * id + 1)!;
    const dominator = (id: number): number => (of(id).dominatorNode!.id - 1) / 2;

    expect(heap.nodes.length).toBe(GRAPH.length);
    expect(of(208).retainedSize).toBe(108);
    expect(dominator(208)).toBe(160); // through a and b alike, so by neither
    expect(of(192).retainedSize).toBe(24 + 64);
    expect(dominator(240)).toBe(192);
    expect(of(176).retainedSize).toBe(24);
    expect(of(160).retainedSize).toBe(40 + 24 + 24 + 64 + 108);
    expect(of(320).retainedSize).toBe(16); // what is held weakly is not retained
  });

  test("with names, types and edges", async () => {
    const heap = await read(GRAPH);
    const index = heap.getNodeById(321)!;
    expect([index.name, index.type, index.self_size]).toEqual(["Index", "object", 40]);
    expect(index.references.map(({ type, name_or_index: name, toNode }) => [type, `${name}`, toNode.id])).toEqual([["property", "left", 353], ["element", "7", 385]]);
    expect(heap.getNodeById(417)!.referrers.map(({ fromNode }) => fromNode.id).sort()).toEqual([353, 385]);
    expect(heap.nodes.get(0)!.type).toBe("synthetic");
  });

  test("of a deep list, where each holds all behind it", async () => {
    const count = 3000;
    const list = Array.from({ length: count }, (_, i) => node(i, i === 0 ? "" : "Node", i === 0 ? 0 : 16, ...(i + 1 < count ? [["property", "next", i + 1] as const] : [])));
    const heap = await read(list);
    for (const i of [1, 2, 1500, count - 1]) expect(heap.getNodeById(2 * i + 1)!.retainedSize).toBe(16 * (count - i));
  });
});

test("DevTools' own code reads it, piece by piece, and finds the same", async () => {
  // Any stream of text does, whatever its declaration says.
  const stream: unknown = Readable.from(heapSnapshot(GRAPH));
  const snapshot = (await parse(stream as ReadStream)) as unknown as DevToolsSnapshot;
  const found = GRAPH.map((_, i) => snapshot.createNode(i * snapshot.nodeFieldCount));
  expect(found.map((each) => [each.id(), each.name(), each.selfSize()])).toEqual(GRAPH.map(({ id, name, selfSize }) => [2 * id + 1, name, selfSize]));
  expect(found.map((each) => each.retainedSize())).toEqual([1276, 260, 24, 88, 108, 8, 64, 16, 1000]);
  expect(found.map((each) => snapshot.createNode(each.dominatorIndex()).name())).toEqual(["", "", "Index", "Index", "Index", "String", "Entry", "", ""]);
});

test("ids are odd, the root is first, edges stand node by node and lead to places among the nodes", async () => {
  const { snapshot, nodes, edges, strings } = JSON.parse(await text(GRAPH)) as File;
  const fields = (snapshot.meta["node_fields"] as string[]).length;
  expect([snapshot.node_count, snapshot.edge_count]).toEqual([nodes.length / fields, edges.length / 3]);
  for (let i = 0; i < nodes.length; i += fields) expect(nodes[i + 2]! % 2).toBe(1);
  expect([strings[nodes[1]!], nodes[2]]).toEqual(["", 1]);
  expect(edges.filter((_, i) => i % 3 === 2).map((to) => (nodes[to + 2]! - 1) / 2)).toEqual(GRAPH.flatMap((each) => [...each.edges].map(({ to }) => to)));
});

test("the meta block has the fields and types of the V8 that runs here", async () => {
  let start = "";
  for await (const chunk of getHeapSnapshot()) {
    start += String(chunk);
    if (start.includes('"nodes":[')) break;
  }
  const theirs = (JSON.parse(`${start.slice(0, start.indexOf(',\n"nodes"'))}}`) as File).snapshot.meta;
  const ours = (JSON.parse(await text(GRAPH)) as File).snapshot.meta;
  expect(Object.keys(ours)).toEqual(Object.keys(theirs));
  // Types that a later V8 adds stand at the end; ours must be where they were.
  for (const key of ["node_types", "edge_types"]) {
    const [mine, v8] = [ours, theirs].map((meta) => (meta[key] as string[][])[0]!);
    expect(v8!.slice(0, mine!.length)).toEqual(mine);
  }
  expect(theirs["edge_fields"]).toEqual(ours["edge_fields"]);
});

test("names may hold anything", async () => {
  const name = 'quote " back \\ line \n nul \0 lone \ud800 snow ☃';
  const { strings } = JSON.parse(await text([node(0, "", 0, ["property", name, 1]), node(1, name, 1)])) as File;
  expect(strings).toContain(name);
});

test("a large graph comes in pieces of bounded length", async () => {
  const count = 50_000;
  function* nodes(): Generator<SnapshotNode> {
    for (let i = 0; i < count; i++) yield node(i, i === 0 ? "" : `Type ${i % 100}`, 8, ...(i + 1 < count ? [["element", i, i + 1] as const] : []));
  }
  let all = "";
  let pieces = 0;
  for await (const chunk of heapSnapshot(nodes())) {
    expect(chunk.length).toBeLessThan(70_000);
    all += chunk;
    pieces++;
  }
  expect(pieces).toBeGreaterThan(20);
  const file = JSON.parse(all) as File;
  expect(file.nodes.length / 6).toBe(count);
  expect(file.edges.length / 3).toBe(count - 1);
  expect(file.edges.slice(-3)).toEqual([1, count - 2, (count - 1) * 6]);
});

test("nodes may come from an async iterable", async () => {
  async function* nodes(): AsyncGenerator<SnapshotNode> {
    for (const each of GRAPH) yield await Promise.resolve(each);
  }
  let all = "";
  for await (const chunk of heapSnapshot(nodes())) all += chunk;
  expect(all).toBe(await text(GRAPH));
});

test.each<[string, readonly SnapshotNode[], RegExp]>([
  ["no node", [], /at least one node/],
  ["two nodes of one id", [node(1, "", 0), node(1, "A", 8)], /two nodes have the id 1/],
  ["an edge to nowhere", [node(1, "", 0, ["property", "a", 2])], /leads to 2/],
  ["an id that is a fraction", [node(1.5, "", 0)], /id 1\.5/],
  ["an id below 0", [node(-1, "", 0)], /id -1/],
  ["an id that DevTools would cut", [node(2 ** 31, "", 0)], /id 2147483648/],
  ["a size that DevTools would cut", [node(1, "", 2 ** 32)], /self size 4294967296/],
  ["an edge beyond all ids", [node(1, "", 0, ["property", "a", 2 ** 32 + 1])], /leads to 4294967297/],
  ["an element that is a fraction", [node(1, "", 0, ["element", 1.5, 1])], /called "1\.5"/],
  ["a size below 0", [node(1, "", -8)], /self size -8/],
  ["a type that V8 does not have", [{ ...node(1, "", 0), type: "thing" as "object" }], /"thing" is no type/],
  ["an element with a name", [node(1, "", 0, ["element", "a", 1])], /called "a"/],
])("%s is an error", async (_, nodes, message) => {
  const error = await text(nodes).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: "PprofExportError", code: "ERR_PPROF_SNAPSHOT" });
  expect((error as Error).message).toMatch(message);
});
