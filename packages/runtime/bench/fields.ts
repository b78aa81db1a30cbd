/**
 * What it costs to read and write a field: by an accessor on a raw ref, as a property of a view, and as a property of a plain object.
 *
 *     node --conditions=dev packages/runtime/bench/fields.ts
 *
 * Walk follows a pointer to the next of 1000 objects and reads a number in it; the others read or write one field of an object whose ref (or view) is
 * in an array. The collector is off: a store of a pointer looks at the phase, and no more.
 */
import { array, createHeap, f64, i32, ref, struct, u8 } from "@mallocgc/runtime";
import { run, time, type Figures } from "@mallocgc/testing";

const N = 1000;

const NodeType = struct("Node", {
  get next() {
    return ref(NodeType);
  },
  value: f64,
  tag: u8,
  count: i32,
});
const heap = createHeap({ maxBytes: 64 << 20, gcWorkers: 0 });
const Node = heap.type(NodeType);
const Numbers = heap.type(array(f64));

interface Plain {
  next: Plain | null;
  value: number;
  tag: number;
  count: number;
}

/** A ring, so that a walk never ends. */
const refs = Array.from({ length: N }, () => heap.alloc(Node) as number);
refs.forEach((at, i) => {
  Node.next.set(at, refs[(i + 1) % N]!);
  Node.value.set(at, i + 0.5);
});
const plain: Plain[] = refs.map((_, i) => ({ next: null, value: i + 0.5, tag: 0, count: 0 }));
plain.forEach((each, i) => (each.next = plain[(i + 1) % N]!));
const views = refs.map((at) => heap.at(Node, at)!);
const numbers = heap.alloc(Numbers, N);
const plainNumbers = plain.map(({ value }) => value);
let sink = 0;

function measure(kernel: () => number): Figures {
  const figures = time(() => {
    sink += kernel();
  }, N);
  if (sink === 0.1) throw new Error("cannot be");
  return figures;
}

await run(import.meta.url, {
  "Walk/way=plain": () => measure(() => {
    let sum = 0;
    for (let p = plain[0]!, i = 0; i < N; i++, p = p.next!) sum += p.value;
    return sum;
  }),
  "Walk/way=accessor": () => measure(() => {
    let sum = 0;
    for (let p = refs[0]!, i = 0; i < N; i++, p = Node.next.get(p)) sum += Node.value.get(p);
    return sum;
  }),
  "Walk/way=view": () => measure(() => {
    let sum = 0;
    for (let p = views[0]!, i = 0; i < N; i++, p = p.next!) sum += p.value;
    return sum;
  }),
  "Get1/way=plain": () => measure(() => {
    let sum = 0;
    for (let i = 0; i < N; i++) sum += plain[i]!.value;
    return sum;
  }),
  "Get1/way=accessor": () => measure(() => {
    let sum = 0;
    for (let i = 0; i < N; i++) sum += Node.value.get(refs[i]!);
    return sum;
  }),
  "Get1/way=view": () => measure(() => {
    let sum = 0;
    for (let i = 0; i < N; i++) sum += views[i]!.value;
    return sum;
  }),
  "Set/way=plain": () => measure(() => {
    for (let i = 0; i < N; i++) plain[i]!.value = i;
    return 1;
  }),
  "Set/way=accessor": () => measure(() => {
    for (let i = 0; i < N; i++) Node.value.set(refs[i]!, i);
    return 1;
  }),
  "Set/way=view": () => measure(() => {
    for (let i = 0; i < N; i++) views[i]!.value = i;
    return 1;
  }),
  "SetRef/way=plain": () => measure(() => {
    for (let i = 0; i < N; i++) plain[i]!.next = plain[(i + 7) % N]!;
    return 1;
  }),
  "SetRef/way=accessor": () => measure(() => {
    for (let i = 0; i < N; i++) Node.next.set(refs[i]!, refs[(i + 7) % N]!);
    return 1;
  }),
  "SetRef/way=view": () => measure(() => {
    for (let i = 0; i < N; i++) views[i]!.next = views[(i + 7) % N]!;
    return 1;
  }),
  "Items/way=plain": () => measure(() => {
    let sum = 0;
    for (let i = 0; i < N; i++) sum += plainNumbers[i]!;
    return sum;
  }),
  "Items/way=accessor": () => measure(() => {
    let sum = 0;
    for (let i = 0; i < N; i++) sum += Numbers.at.get(numbers, i);
    return sum;
  }),
  "AtomicAdd": () => measure(() => {
    for (let i = 0; i < N; i++) Node.count.add(refs[i]!, 1);
    return 1;
  }),
}, 3);
