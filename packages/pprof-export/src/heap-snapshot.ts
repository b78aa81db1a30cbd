/**
 * A `.heapsnapshot` file of any graph, for the Memory panel of Chrome DevTools, memlab, and others: retained sizes, dominators, paths to the root.
 *
 *     { "snapshot": { "meta": fields, "node_count": N, "edge_count": E },
 *       "nodes":   [type, name, id, self size, edges, 0,  ...]      name: index into strings
 *       "edges":   [type, name or index, to,  ...]                  node by node; to: index into nodes
 *       "strings": [...] }
 *
 * The counts stand before the nodes, and edges name their target by place, so the graph is walked once and packed (17 bytes a node, 9 an edge, and
 * the strings once each), then written piece by piece: no text is ever whole.
 *
 * The first node is the root. DevTools shows distances from what the root's edges lead to, and lists what a synthetic node `(GC roots)` holds as
 * held by the runtime: give roots of your own as edges of the root, with their names. Weak edges hold nothing.
 */
import { PprofExportError } from "./errors.ts";
import { EDGE_TYPES, META, NODE_TYPES, type SnapshotEdgeType, type SnapshotNodeType } from "./heap-snapshot-meta.ts";

export interface SnapshotNode {
  /** Of this node alone, below 2^31, because DevTools keeps 32 bits: for an address, its word. In the file it is `2 * id + 1`: V8 gives objects odd numbers. */
  readonly id: number;
  readonly type: SnapshotNodeType;
  /** What DevTools groups objects by: the name of their type. */
  readonly name: string;
  /** Bytes, below 2^32. */
  readonly selfSize: number;
  readonly edges: Iterable<SnapshotEdge>;
}

export interface SnapshotEdge {
  /** `property` and `internal` have a name, `element` and `hidden` an index; the others either. */
  readonly type: SnapshotEdgeType;
  readonly name: string | number;
  /** Id of a node, which may come later. */
  readonly to: number;
}

/** A chunk is written when it is about this long, in UTF-16 code units. */
const CHUNK = 1 << 16;

/** V8's Map holds no more. */
const MAX_NODES = 2 ** 24;

const MAX_ID = 2 ** 31 - 1;
const MAX_UINT32 = 2 ** 32 - 1;

/**
 * Walks the nodes once, at the first chunk, then writes the file.
 *
 * @throws PprofExportError `ERR_PPROF_SNAPSHOT` when there is no node, two have one id, an edge leads to none, or there are more than 16 million.
 */
export async function* heapSnapshot(nodes: Iterable<SnapshotNode> | AsyncIterable<SnapshotNode>): AsyncGenerator<string, void, undefined> {
  const graph = new PackedGraph();
  for await (const node of nodes) graph.add(node);
  if (graph.nodeCount === 0) throw wrong("a snapshot has at least one node, the root: give it first");

  yield `{"snapshot":${JSON.stringify({ meta: META, node_count: graph.nodeCount, edge_count: graph.edgeCount, trace_function_count: 0 })},\n"nodes":[`;
  yield* chunks(graph.nodeCount, (i) => graph.nodeText(i));
  yield `],\n"edges":[`;
  yield* chunks(graph.edgeCount, (i) => graph.edgeText(i));
  yield `],\n"trace_function_infos":[],\n"trace_tree":[],\n"samples":[],\n"locations":[],\n"strings":[`;
  const strings = [...graph.strings.keys()];
  yield* chunks(strings.length, (i) => JSON.stringify(strings[i]));
  yield "]}\n";
}

function* chunks(count: number, textOf: (i: number) => string): Generator<string, void, undefined> {
  let chunk = "";
  for (let i = 0; i < count; i++) {
    chunk += i === 0 ? textOf(i) : `,${textOf(i)}`;
    if (chunk.length >= CHUNK) {
      yield chunk;
      chunk = "";
    }
  }
  yield chunk;
}

class PackedGraph {
  readonly strings = new Map<string, number>();
  nodeCount = 0;
  edgeCount = 0;
  readonly #placeOf = new Map<number, number>();
  #nodeType = new Uint8Array(1024);
  #nodeName = new Uint32Array(1024);
  #nodeId = new Uint32Array(1024);
  #selfSize = new Uint32Array(1024);
  #edges = new Uint32Array(1024);
  #edgeType = new Uint8Array(4096);
  #edgeName = new Uint32Array(4096);
  #edgeTo = new Uint32Array(4096);

  add({ id, type, name, selfSize, edges }: SnapshotNode): void {
    const n = this.nodeCount++;
    if (n === MAX_NODES) throw wrong(`more than ${MAX_NODES} nodes: leave some out`);
    if (!isUpTo(MAX_ID, id)) throw wrong(`a node has the id ${id}: whole numbers from 0 to 2^31 - 1; for an address, its word`);
    if (!isUpTo(MAX_UINT32, selfSize)) throw wrong(`node ${id} has the self size ${selfSize}: bytes, 0 to 2^32 - 1`);
    if (this.#placeOf.has(id)) throw wrong(`two nodes have the id ${id}: give each its own`);
    this.#placeOf.set(id, n);
    if (n === this.#nodeType.length) this.#growNodes();
    this.#nodeType[n] = codeOf(NODE_TYPES, type);
    this.#nodeName[n] = this.#string(name);
    this.#nodeId[n] = id;
    this.#selfSize[n] = selfSize;

    const before = this.edgeCount;
    for (const edge of edges) this.#addEdge(edge);
    this.#edges[n] = this.edgeCount - before;
  }

  #addEdge({ type, name, to }: SnapshotEdge): void {
    const e = this.edgeCount++;
    if (e === this.#edgeType.length) this.#growEdges();
    this.#edgeType[e] = codeOf(EDGE_TYPES, type);
    // DevTools reads a number as itself for these two, and as a string's place for the others.
    const indexed = type === "element" || type === "hidden";
    if (indexed && !isUpTo(MAX_UINT32, name)) throw wrong(`an edge of type ${type} is called "${name}": these have an index, 0 to 2^32 - 1`);
    if (!isUpTo(MAX_ID, to)) throw leadsNowhere(to);
    this.#edgeName[e] = indexed ? Number(name) : this.#string(`${name}`);
    this.#edgeTo[e] = to;
  }

  nodeText(n: number): string {
    return `${this.#nodeType[n]},${this.#nodeName[n]},${2 * this.#nodeId[n]! + 1},${this.#selfSize[n]},${this.#edges[n]},0`;
  }

  edgeText(e: number): string {
    const to = this.#edgeTo[e]!;
    const place = this.#placeOf.get(to);
    if (place === undefined) throw leadsNowhere(to);
    return `${this.#edgeType[e]},${this.#edgeName[e]},${place * META.node_fields.length}`;
  }

  #string(text: string): number {
    let place = this.strings.get(text);
    if (place === undefined) this.strings.set(text, (place = this.strings.size));
    return place;
  }

  #growNodes(): void {
    this.#nodeType = doubled(this.#nodeType, Uint8Array);
    this.#nodeName = doubled(this.#nodeName, Uint32Array);
    this.#nodeId = doubled(this.#nodeId, Uint32Array);
    this.#selfSize = doubled(this.#selfSize, Uint32Array);
    this.#edges = doubled(this.#edges, Uint32Array);
  }

  #growEdges(): void {
    this.#edgeType = doubled(this.#edgeType, Uint8Array);
    this.#edgeName = doubled(this.#edgeName, Uint32Array);
    this.#edgeTo = doubled(this.#edgeTo, Uint32Array);
  }
}

interface Packed<T> {
  readonly length: number;
  set(from: T): void;
}

function doubled<T extends Packed<T>>(array: T, make: new (length: number) => T): T {
  const larger = new make(array.length * 2);
  larger.set(array);
  return larger;
}

function codeOf(types: readonly string[], type: string): number {
  const code = types.indexOf(type);
  if (code < 0) throw wrong(`"${type}" is no type of V8's: one of ${types.join(", ")}`);
  return code;
}

function isUpTo(max: number, value: string | number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max;
}

function leadsNowhere(to: number): PprofExportError {
  return wrong(`an edge leads to ${to}, which is no node's id`);
}

function wrong(message: string): PprofExportError {
  return new PprofExportError("ERR_PPROF_SNAPSHOT", message);
}
