/** Why an object is alive: a shortest path of refs from a root to it. */
import type { GraphEdge, GraphObject, HeapGraph, RootKind } from "./heap-graph.ts";

/** An object on the way, and the ref in it that leads on. */
export interface PathStep {
  readonly ref: number;
  /** The type's name; `(64 bytes)` where it is not known. */
  readonly type: string;
  /** The field that leads to the next object, as `next`, `[3]` or `[3].next`; `+16` where the type is not known. Empty for the last. */
  readonly field: string;
}

/** What keeps an object alive. */
export interface WhyAlive {
  readonly kind: RootKind;
  /** Of a named root its name. */
  readonly root: string;
  /** From the root's object to the one that was asked for. */
  readonly path: readonly PathStep[];
  /** The same in one line: `root "index": Index.buckets -> []*Node[3] -> Node`. */
  readonly text: string;
}

interface Reached {
  readonly object: GraphObject;
  readonly from: Reached | undefined;
  /** The ref in `from` that led here. */
  readonly edge: GraphEdge | undefined;
  readonly kind: RootKind;
  readonly root: string;
}

/** A shortest path from a root to the object that `ref` points to or into; undefined when no root leads there. Visits the heap in breadth. */
export function whyAlive(graph: HeapGraph, ref: number): WhyAlive | undefined {
  const wanted = graph.objectAt(ref, 0)?.ref;
  if (wanted === undefined) return undefined;
  const seen = new Set<number>();
  const todo: Reached[] = [];
  const reach = (reached: Reached): Reached | undefined => {
    if (seen.has(reached.object.ref)) return undefined;
    seen.add(reached.object.ref);
    todo.push(reached);
    return reached.object.ref === wanted ? reached : undefined;
  };
  let next = 0;
  const walk = (): Reached | undefined => {
    for (; next < todo.length; next++) {
      const from = todo[next]!;
      for (const edge of graph.edgesOf(from.object)) {
        const found = reach({ object: edge.to, from, edge, kind: from.kind, root: from.root });
        if (found !== undefined) return found;
      }
    }
    return undefined;
  };
  for (const { kind, name, to } of graph.roots()) {
    const found = reach({ object: to, from: undefined, edge: undefined, kind, root: name });
    if (found !== undefined) return describe(graph, found);
  }
  let found = walk();
  for (const object of found === undefined ? graph.finalizable() : []) {
    const from: Reached = { object, from: undefined, edge: undefined, kind: "finalizer", root: "object with a finalizer" };
    for (const edge of graph.edgesOf(object)) found ??= reach({ object: edge.to, from, edge, kind: "finalizer", root: from.root });
  }
  found ??= walk();
  return found === undefined ? undefined : describe(graph, found);
}

function describe(graph: HeapGraph, last: Reached): WhyAlive {
  const path: PathStep[] = [];
  let field = "";
  for (let at: Reached | undefined = last; at !== undefined; at = at.from) {
    path.unshift({ ref: at.object.ref, type: graph.nameOf(at.object), field });
    field = at.edge?.name ?? "";
  }
  const { kind, root } = last;
  const steps = path.map((step) => (step.field === "" || step.field.startsWith("[") ? `${step.type}${step.field}` : `${step.type}.${step.field}`));
  return { kind, root, path, text: `${kind === "named" ? `root ${JSON.stringify(root)}` : root}: ${steps.join(" -> ")}` };
}
