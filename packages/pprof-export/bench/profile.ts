/**
 * What a profile costs: 20,000 samples of 20 frames, 5,000 functions.
 *
 *     node --conditions=dev packages/pprof-export/bench/profile.ts [NAME ...]
 */
import { encodeProfile, foldedStacks, heapSnapshot, legacyText, speedscopeFile, unsampleProfile, type Frame, type HeapProfile, type SnapshotNode } from "@mallocgc/pprof-export";
import { randomFrom, run, type Figures } from "@mallocgc/testing";

const SAMPLES = 20_000;
const DEPTH = 20;
const FUNCTIONS = 5_000;
const NODES = 200_000;

/** Frames are new objects, as they come from parsed stacks. */
function profile(): HeapProfile {
  const random = randomFrom(1);
  const frame = (): Frame => {
    const n = random(FUNCTIONS);
    return { functionName: `function${n}`, fileName: `file:///app/src/module${n % 200}.ts`, line: (n % 500) + random(3) + 1, column: (n % 80) + 1 };
  };
  const records = Array.from({ length: SAMPLES }, () => {
    const allocObjects = random(100) + 1;
    const size = 16 << random(12);
    return { stack: Array.from({ length: DEPTH }, frame), allocObjects, allocBytes: allocObjects * size, freeObjects: 0, freeBytes: 0 };
  });
  return { records, rate: 524288, timeMs: Date.now() };
}

/** The least of five runs of a process: CPU time, all threads, because a process that waits for its turn does nothing. */
async function least(make: () => number | Promise<number>): Promise<Figures> {
  let bytes = 0;
  let ns = Infinity;
  for (let i = 0; i < 5; i++) {
    const start = process.cpuUsage();
    bytes = await make();
    const { user, system } = process.cpuUsage(start);
    ns = Math.min(ns, (user + system) * 1000);
  }
  return { n: 1, ns, bytes };
}

function* nodes(): Generator<SnapshotNode> {
  for (let id = 0; id < NODES; id++) {
    const edges = [2 * id + 1, 2 * id + 2].filter((to) => to < NODES).map((to, i) => ({ type: "property", name: i === 0 ? "left" : "right", to }) as const);
    yield { id, type: id === 0 ? "synthetic" : "object", name: id === 0 ? "" : "Tree", selfSize: 24, edges };
  }
}

await run(import.meta.url, {
  profile: () => {
    const p = profile();
    return least(async () => (await encodeProfile(unsampleProfile(p))).length);
  },
  legacyText: () => {
    const p = profile();
    return least(() => legacyText(p).length);
  },
  folded: () => {
    const p = profile();
    return least(() => foldedStacks(unsampleProfile(p)).length);
  },
  speedscope: () => {
    const p = profile();
    return least(() => JSON.stringify(speedscopeFile(unsampleProfile(p))).length);
  },
  heapSnapshot200k: () =>
    least(async () => {
      let length = 0;
      for await (const chunk of heapSnapshot(nodes())) length += chunk.length;
      return length;
    }),
});
