/**
 * The types and fields of V8's heap snapshots, in V8's order: a file's numbers are places in these lists, and readers go by the file's own lists.
 * V8 calls the format unstable; a test holds this against what the running V8 writes.
 */

export type SnapshotNodeType =
  | "hidden" | "array" | "string" | "object" | "code" | "closure" | "regexp" | "number" | "native" | "synthetic" | "concatenated string" | "sliced string"
  | "symbol" | "bigint" | "object shape";

export type SnapshotEdgeType = "context" | "element" | "property" | "internal" | "hidden" | "shortcut" | "weak";

export const NODE_TYPES: readonly SnapshotNodeType[] = [
  "hidden", "array", "string", "object", "code", "closure", "regexp", "number", "native", "synthetic", "concatenated string", "sliced string", "symbol", "bigint", "object shape",
];

export const EDGE_TYPES: readonly SnapshotEdgeType[] = ["context", "element", "property", "internal", "hidden", "shortcut", "weak"];

/** The block that says what the numbers are. */
export const META: Readonly<Record<string, readonly (string | readonly string[])[]>> & { readonly node_fields: readonly string[] } = {
  node_fields: ["type", "name", "id", "self_size", "edge_count", "detachedness"],
  node_types: [NODE_TYPES, "string", "number", "number", "number", "number"],
  edge_fields: ["type", "name_or_index", "to_node"],
  edge_types: [EDGE_TYPES, "string_or_number", "node"],
  trace_function_info_fields: ["function_id", "name", "script_name", "script_id", "line", "column"],
  trace_node_fields: ["id", "function_info_index", "count", "size", "children"],
  sample_fields: ["timestamp_us", "last_assigned_id"],
  location_fields: ["object_index", "script_id", "line", "column"],
};
