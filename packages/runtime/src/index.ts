export { HeapError, HeapExhaustedError, FieldError, StaleRefError, type HeapErrorCode } from "./errors.ts";
export { attachHeap, createHeap, type AllocOptions, type Heap } from "./heap.ts";
export type { HeapDebug, LeakOptions } from "./heap-debug.ts";
export type { RootKind } from "./graph/heap-graph.ts";
export type { SnapshotEdge, SnapshotNode } from "./graph/snapshot-nodes.ts";
export type { PathStep, WhyAlive } from "./graph/why-alive.ts";
export type { Leak } from "./profile/leaks.ts";
export type { GcStats, HeapEvents } from "./collected.ts";
export type { HeapHandle } from "./join.ts";
export { heapLayout, type HeapLayout } from "./layout.ts";
export type { BySize, MemStats } from "./mem-stats.ts";
export type { HistogramMetric, Metric, ScalarMetric } from "./metrics.ts";
export type { SizeClassStats } from "./size-class-stats.ts";
export type { Frame } from "./profile/frame.ts";
export type { HeapProfile, MemProfileOptions, MemProfileRecord } from "./profile/mem-profile.ts";
export type { SourceMapLike, SourceMapLookup } from "./profile/source-frames.ts";
export type { NamedRoots } from "./named-roots.ts";
export type { HeapOptions, TraceOptions } from "./options.ts";
export type { Cleanup } from "./roots/callbacks.ts";
export type { Handle } from "./roots/handle.ts";
export type { LeakReport, RootValue } from "./roots/root-host.ts";
export type { Scope } from "./roots/scope.ts";
export type { Unique, UniqueValue } from "./roots/unique.ts";
export type { Weak } from "./roots/weak.ts";
export type { SpanInfo } from "./span-info.ts";
export {
  array, bool, bytes, f32, f64, fixed, i16, i32, i8, mutex, ref, str, struct, u16, u32, u8,
  type ArrayType, type FieldType, type ObjectType, type RefType, type StructType,
} from "./types/declare.ts";
export type { AccessorOf, Bound, BoundArray, BoundType, Init, Items, Mutex, RefTo, ValueOf, View } from "./types/infer.ts";
export type { Ref } from "./types/ref.ts";
export type { BrokenInvariant, VerifyReport } from "./verify.ts";
export type { ViewConstructor } from "./views.ts";
export type { CyclePacing, CyclePages, CycleReport, HeldUp } from "@mallocgc/gc";
export type { Addr } from "@mallocgc/sysmem";
