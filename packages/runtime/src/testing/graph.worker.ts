/** A thread that works on a shared graph: random loads, stores, allocations, root changes, in many short turns. Every object's stamp is checked at each load. */
import { parentPort, workerData } from "node:worker_threads";
import type { HeapHandle } from "../join.ts";
import { TestP } from "./test-p.ts";

/** What the thread is started with. */
export interface GraphJob {
  readonly handle: HeapHandle;
  readonly seed: number;
  readonly turns: number;
  readonly roots: number;
  /** It ends before that many turns when word 0 is no longer 0. */
  readonly stop?: Int32Array;
}

/** What it answers. */
export interface GraphResult {
  readonly operations: number;
  readonly problems: readonly string[];
  readonly maxStallUs: number;
}

const { handle, seed, turns, roots, stop = new Int32Array(1) } = workerData as GraphJob;
const p = TestP.attach(handle);
const problems: string[] = [];
let operations = 0;
let x = seed | 1;

function random(n: number): number {
  x ^= x << 13;
  x ^= x >>> 17;
  x ^= x << 5;
  return (x >>> 0) % n;
}

/** A node whose third and fourth word tell each other. */
function make(left: number, right: number): number {
  const stamp = random(0x7fffffff);
  const node = p.node(left, right, stamp);
  p.mem[(node >>> 2) + 3] = ~stamp;
  return node;
}

function check(node: number, where: string): number {
  const at = node >>> 2;
  if (node !== 0 && p.mem[at + 2] !== ~p.mem[at + 3]! && problems.length < 5) {
    problems.push(`seed ${seed}, operation ${operations}: the object at ${node}, ${where}, was freed: ${p.mem[at + 2]!}, ${p.mem[at + 3]!}`);
  }
  return node;
}

function turn(): void {
  const held = [0, 0, 0, 0];
  const names = p.collector.roots.named;
  for (let i = random(60); i >= 0 && problems.length === 0; i--, operations++) {
    const a = random(4);
    const b = random(4);
    switch (random(8)) {
      case 0:
        held[a] = check(names.get(`root ${random(roots)}`), "a root");
        break;
      case 1:
      case 2:
        if (held[b] !== 0) held[a] = check(p.load(held[b]!, random(2) as 0 | 1), "a field");
        break;
      case 3:
      case 4:
        if (held[a] !== 0) p.store(held[a]!, random(2) as 0 | 1, held[b]!);
        break;
      case 5:
        names.set(`root ${random(roots)}`, held[a]!);
        break;
      default:
        held[a] = make(held[b]!, held[random(4)]!);
    }
  }
}

for (let i = 0; i < turns && problems.length === 0 && Atomics.load(stop, 0) === 0; i++) p.collector.turns.turn(turn);
const result: GraphResult = { operations, problems, maxStallUs: p.collector.mutator.maxStallUs };
p.detach();
parentPort!.postMessage(result);
