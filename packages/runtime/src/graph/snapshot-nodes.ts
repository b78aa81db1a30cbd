/**
 * The graph of a heap as the nodes and edges of a heap snapshot, for `heapSnapshot` of @mallocgc/pprof-export: what DevTools and memlab read.
 *
 *     the first node is the root; its edges are the heap's roots, by their names
 *     objects have the word at which they begin as id, address / 4 (an id has 31 bits), their type's name, their slot's size
 *     edges have the names of fields; the refs in an array their index
 */
import type { GraphObject, HeapGraph } from "./heap-graph.ts";

/** A ref, or a root. */
export interface SnapshotEdge {
  readonly type: "property" | "element" | "internal";
  readonly name: string | number;
  /** The id of a node. */
  readonly to: number;
}

/** An object, or the root, whose id is 0. */
export interface SnapshotNode {
  readonly id: number;
  readonly type: "synthetic" | "object" | "array" | "string" | "native";
  readonly name: string;
  readonly selfSize: number;
  readonly edges: readonly SnapshotEdge[];
}

/** All objects that roots lead to, the root first. */
export function snapshotNodes(graph: HeapGraph): SnapshotNode[] {
  const rootEdges: SnapshotEdge[] = [];
  const todo: GraphObject[] = [];
  const seen = new Set<number>();
  const reach = (object: GraphObject): void => {
    if (seen.has(object.ref)) return;
    seen.add(object.ref);
    todo.push(object);
  };
  for (const { kind, name, to } of graph.roots()) {
    rootEdges.push({ type: kind === "named" ? "property" : "internal", name, to: idOf(to) });
    reach(to);
  }
  for (const object of graph.finalizable()) {
    rootEdges.push({ type: "internal", name: "object with a finalizer", to: idOf(object) });
    reach(object);
  }
  const nodes: SnapshotNode[] = [{ id: 0, type: "synthetic", name: "", selfSize: 0, edges: rootEdges }];
  for (let object = todo.pop(); object !== undefined; object = todo.pop()) {
    const edges = graph.edgesOf(object).map(({ name, index, to }): SnapshotEdge => {
      reach(to);
      return index < 0 ? { type: "property", name, to: idOf(to) } : { type: "element", name: index, to: idOf(to) };
    });
    nodes.push({ id: idOf(object), type: nodeType(graph, object), name: graph.nameOf(object), selfSize: graph.sizeOf(object), edges });
  }
  return nodes;
}

function idOf({ ref }: GraphObject): number {
  return ref >>> 2;
}

function nodeType(graph: HeapGraph, { type }: GraphObject): SnapshotNode["type"] {
  const name = graph.names.nameOf(type);
  if (name === "str") return "string";
  if (name === "bytes" || name === undefined) return "native";
  return graph.names.isArray(type) ? "array" : "object";
}
