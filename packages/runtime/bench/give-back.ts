/**
 * What a process has of the system's memory when a heap that was full of live objects has dropped all but a sixteenth of them.
 *
 *     node --conditions=dev packages/runtime/bench/give-back.ts [MiB, 1024] [free | background]
 *     node --conditions=dev --import ./packages/runtime/bench/no-page-release.ts ...            the same without a way to give pages back
 *
 * free: by freeOSMemory. background: after two cycles (what the first frees may go after the second), until the goal is met or nothing goes for a minute. Prints one JSON
 * object: figures when all was live and at the end, bytes. `baseline` is the process before it fills the heap: it has filled and emptied a small part by then, so that its
 * code and its JavaScript heap are what they will be.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createHeap, f64, ref, struct } from "@mallocgc/runtime";

/** What was seen at one moment. Bytes. */
export interface GiveBackFigures {
  /** Resident memory of the process, and of the heap's region in it, as /proc/self/smaps says. */
  readonly rss: number;
  readonly region: number;
  readonly heapInuse: number;
  readonly heapReleased: number;
  /** HeapSys - HeapReleased. */
  readonly retained: number;
  /** Tables and records: Sys - HeapSys. */
  readonly metadata: number;
}

/** What the script prints. */
export interface GiveBackReport {
  readonly osBackend: string;
  readonly baseline: number;
  readonly live: GiveBackFigures;
  readonly end: GiveBackFigures;
  /** What the scavenger retains by growth: pages in use, scaled by how the goal grows, and a tenth. */
  readonly goal: number;
  readonly seconds: number;
}

const MIB = 1 << 20;
const NODE_BYTES = 48;
const WARM_UP_MIB = 16;
/** For so long the scavenger may sleep: a first batch that was held up for 10 ms, by a busy machine, makes 10 s. */
const IDLE_MS = 60_000;

const [mib = "1024", way = "free"] = process.argv.slice(2);
const maxBytes = Math.ceil((Number(mib) * 1.25 + 64) / 4) * 4 * MIB;
const NodeType = struct("Node", {
  get next() {
    return ref(NodeType);
  },
  a: f64,
  b: f64,
  c: f64,
  d: f64,
  e: f64,
});
const heap = createHeap({ maxBytes });
const Node = heap.type(NodeType);

/** A list of so many MiB under that root. */
function fill(name: string, n: number): void {
  heap.roots.set(name, 0);
  for (let left = Math.floor((n * MIB) / NODE_BYTES); left > 0; left -= 1000) {
    heap.turn(() => {
      let head = heap.roots.get(name);
      for (let i = Math.min(left, 1000); i > 0; i--) {
        const at = heap.alloc(Node);
        Node.a.set(at, i);
        Node.next.set(at, head);
        head = at;
      }
      heap.roots.set(name, head);
    });
  }
}

/** Resident bytes of all mappings, and of those that are the region: the one of its size, or what the system has cut it into. */
function resident(): { rss: number; region: number } {
  let rss = 0;
  let region = 0;
  let inRegion = false;
  for (const line of readFileSync("/proc/self/smaps", "utf8").split("\n")) {
    const mapping = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line);
    if (mapping !== null) inRegion = mapping[3]!.startsWith("rw") && Number.parseInt(mapping[2]!, 16) - Number.parseInt(mapping[1]!, 16) >= maxBytes;
    const kib = /^Rss: +(\d+) kB/.exec(line);
    if (kib === null) continue;
    rss += Number(kib[1]) * 1024;
    if (inRegion) region += Number(kib[1]) * 1024;
  }
  return { rss, region };
}

function figures(): GiveBackFigures {
  const { Sys, HeapSys, HeapInuse, HeapReleased } = heap.readMemStats();
  return { ...resident(), heapInuse: HeapInuse, heapReleased: HeapReleased, retained: HeapSys - HeapReleased, metadata: Sys - HeapSys };
}

fill("dropped", WARM_UP_MIB);
await heap.gc();
heap.roots.delete("dropped");
heap.freeOSMemory();
const baseline = resident().rss;

fill("kept", Number(mib) / 16);
fill("dropped", Number(mib) * (15 / 16));
await heap.gc();
const live = figures();
heap.roots.delete("dropped");
const start = performance.now();
if (way === "free") heap.freeOSMemory();
else for (let i = 0; i < 2; i++) await heap.gc();
const [last] = heap.gcCycles().slice(-1);
const goal = heap.readMemStats().HeapInuse * (heap.gcStats().goal / last!.goal) * 1.1;
let end = figures();
let seconds = (performance.now() - start) / 1000;
const patience = heap.osBackend === "none" ? 0 : IDLE_MS;
for (let moved = performance.now(); way === "background" && end.retained > goal && performance.now() - moved < patience;) {
  await sleep(100);
  const now = figures();
  if (now.retained !== end.retained) moved = performance.now();
  end = now;
  seconds = (performance.now() - start) / 1000;
}
console.log(JSON.stringify({ osBackend: heap.osBackend, baseline, live, end, goal, seconds } satisfies GiveBackReport));
heap.close();
