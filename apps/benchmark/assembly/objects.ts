// The collector's cases as AssemblyScript programs, on its incremental runtime (std/assembly/rt/itcms.ts). Compiled by
// src/impl/assemblyscript-modules.ts. Each module instance runs one case. Whole programs are here and not single operations: who
// uses the runtime writes in its language.

/** Three shifts and a multiplication, as in src/random.ts and src/kernels.ts. */
let state: u32 = 1;

function below(n: u32): u32 {
  let x = state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  state = x;
  return <u32>(((<u64>x) * (<u64>n)) >> 32);
}

export function seed(value: u32): void {
  state = value == 0 ? 1 : value;
}

// --- gc-mark: objects of 32 bytes with two pointers in front.

class Node {
  left: Node | null = null;
  right: Node | null = null;
  a: u64;
  b: u64;
  c: u64;
}

let graph: Node | null = null;

/** A balanced tree of n nodes; a node comes before its left half, and that before its right half. */
function tree(n: u32): Node | null {
  if (n == 0) return null;
  const t = new Node();
  const left = (n - 1) / 2;
  t.left = tree(left);
  t.right = tree(n - 1 - left);
  return t;
}

export function makeTree(n: u32): void {
  graph = tree(n);
}

/** `left` leads round all nodes in a random order, `right` to any one. */
export function makeRandom(n: u32): void {
  const nodes = new StaticArray<Node>(n);
  const order = new StaticArray<u32>(n);
  for (let i: u32 = 0; i < n; i++) {
    nodes[i] = new Node();
    order[i] = i;
  }
  for (let i: u32 = n - 1; i > 0; i--) {
    const j = below(i + 1);
    const kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
  for (let i: u32 = 0; i < n; i++) {
    const t = nodes[order[i]];
    t.left = nodes[order[i + 1 == n ? 0 : i + 1]];
    t.right = nodes[below(n)];
  }
  graph = nodes[0];
}

/** How many nodes are reachable through the tree. */
export function countTree(): u32 {
  return nodesIn(graph);
}

function nodesIn(t: Node | null): u32 {
  return t == null ? 0 : 1 + nodesIn(t.left) + nodesIn(t.right);
}

/** A whole cycle, marking and sweeping. */
export function collect(): void {
  __collect();
}

// --- gc-alloc and mutator-latency: a population, whose members are replaced at random.

/** What is in front of an object with pointers. The object is as large as it was asked to be. */
class Pair {
  first: Pair | null = null;
  second: Pair | null = null;
}

let scanned: StaticArray<Pair | null> = new StaticArray<Pair | null>(0);
let unscanned: StaticArray<StaticArray<u8> | null> = new StaticArray<StaticArray<u8> | null>(0);
let anchor: Pair | null = null;
let bytes: u32 = 0;

function newPair(): Pair {
  const pair = changetype<Pair>(__new(bytes, idof<Pair>()));
  pair.first = anchor;
  return pair;
}

export function populateScanned(live: u32, size: u32): void {
  bytes = size;
  anchor = newPair();
  scanned = new StaticArray<Pair | null>(live);
  for (let i: u32 = 0; i < live; i++) scanned[i] = newPair();
}

export function populateUnscanned(live: u32, size: u32): void {
  bytes = size;
  unscanned = new StaticArray<StaticArray<u8> | null>(live);
  for (let i: u32 = 0; i < live; i++) unscanned[i] = new StaticArray<u8>(size);
}

export function replaceScanned(n: u32): void {
  const slots = scanned;
  const live = <u32>slots.length;
  for (let i: u32 = 0; i < n; i++) slots[below(live)] = newPair();
}

export function replaceUnscanned(n: u32): void {
  const slots = unscanned;
  const live = <u32>slots.length;
  const size = bytes;
  for (let i: u32 = 0; i < n; i++) slots[below(live)] = new StaticArray<u8>(size);
}

// --- binary-trees.

class Tree {
  left: Tree | null = null;
  right: Tree | null = null;
}

function bottomUp(depth: u32): Tree {
  const t = new Tree();
  if (depth > 0) {
    t.left = bottomUp(depth - 1);
    t.right = bottomUp(depth - 1);
  }
  return t;
}

function count(t: Tree): u32 {
  const left = t.left;
  return left == null ? 1 : 1 + count(left) + count(t.right!);
}

let kept: Tree | null = null;

/** Makes trees of a depth, one after the other, counts their nodes and drops them. */
export function makeTrees(depth: u32, trees: u32): u32 {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < trees; i++) sum += count(bottomUp(depth));
  return sum;
}

export function keepTree(depth: u32): void {
  kept = bottomUp(depth);
}

export function countKept(): u32 {
  return count(kept!);
}
