/** A page with a collected heap: typed objects, garbage, a named root and a weak ref; a web worker collects. */
import { createHeap, ref, struct, u32, type VerifyReport } from "@mallocgc/runtime";

export interface Collected {
  /** Background threads that serve the heap. */
  readonly workers: number;
  /** Cycles that the program's growth began. */
  readonly cycles: number;
  /** Nodes of the rooted list after all cycles. */
  readonly kept: number;
  /** Objects in the heap at the end. */
  readonly left: number;
  /** What a weak ref to a dropped object gives: "nil" or an address. */
  readonly stale: string;
  readonly verified: VerifyReport;
}

const KEPT = 1000;
const WORKER_MS = 20_000;

const NodeType = struct("Node", { get next() { return ref(NodeType); }, value: u32 });

export async function run(): Promise<Collected> {
  const heap = createHeap({ maxBytes: 64 << 20 });
  const Node = heap.type(NodeType);
  const list = (n: number): number => {
    let head = 0;
    for (let i = 0; i < n; i++) {
      const node = heap.alloc(Node);
      Node.value.set(node, i);
      Node.next.set(node, head);
      head = node;
    }
    return head;
  };
  const deadline = performance.now() + WORKER_MS;
  while (heap.gcStats().workers === 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
  heap.turn(() => { heap.roots.set("list", list(KEPT)); });
  const weak = heap.turn(() => heap.weak(heap.alloc(Node)));
  for (let i = 0; i < 400; i++) {
    heap.turn(() => { list(5000); });
    if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  await heap.gc();
  const { workers, cyclesBegun, forced } = heap.gcStats();
  const result = heap.turn(() => {
    let kept = 0;
    for (let at = heap.roots.get("list"); at !== 0; at = Node.next.get(at)) kept++;
    return { kept, stale: weak.get() === 0 ? "nil" : String(weak.get()) };
  });
  const left = heap.readMemStats().HeapObjects;
  const verified = heap.verify();
  heap.close();
  return { workers, cycles: cyclesBegun - forced, ...result, left, verified };
}
