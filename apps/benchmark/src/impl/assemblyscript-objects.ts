/**
 * AssemblyScript's incremental collector: one thread that allocates, marks and sweeps, a step for each KiB allocated. The programs are in
 * assembly/objects.ts, whole; here they are called.
 *
 * A cycle starts when memory has doubled since the last, as Go's with GOGC=100. Nobody counts them, and none can be begun from outside
 * without being finished at once; so mutator-latency takes as many operations for one cycle as there are live objects.
 */
import type { ObjectJob } from "../job.ts";
import type { LatencyCase, MarkCase, SteadyCase } from "../object-cases.ts";
import { instantiate, loadModule } from "./assemblyscript-modules.ts";
import type { GraphProgram, MutatorProgram, PopulationProgram, Programs, TreesProgram } from "./programs.ts";

interface ObjectsExports extends WebAssembly.Exports {
  readonly seed: (value: number) => void;
  readonly makeTree: (n: number) => void;
  readonly makeRandom: (n: number) => void;
  readonly countTree: () => number;
  readonly collect: () => void;
  readonly populateScanned: (live: number, size: number) => void;
  readonly populateUnscanned: (live: number, size: number) => void;
  readonly replaceScanned: (n: number) => void;
  readonly replaceUnscanned: (n: number) => void;
  readonly makeTrees: (depth: number, trees: number) => number;
  readonly keepTree: (depth: number) => void;
  readonly countKept: () => number;
}

async function open(seed: number): Promise<ObjectsExports> {
  const instance = await instantiate(await loadModule("objects"));
  const exports = instance.exports as ObjectsExports;
  exports.seed(seed);
  return exports;
}

async function graph({ shape, live, seed }: ObjectJob<MarkCase>): Promise<GraphProgram> {
  const exports = await open(seed);
  if (shape === "tree") exports.makeTree(live);
  else exports.makeRandom(live);
  return {
    collect: () => {
      const start = performance.now();
      exports.collect();
      return Promise.resolve({ markNs: (performance.now() - start) * 1e6 });
    },
    ...(shape === "tree" ? { reachable: exports.countTree } : {}),
    close: () => undefined,
  };
}

async function population({ size, live, pointers, seed }: ObjectJob<SteadyCase>): Promise<PopulationProgram> {
  const exports = await open(seed);
  if (pointers) exports.populateScanned(live, size);
  else exports.populateUnscanned(live, size);
  return { run: pointers ? exports.replaceScanned : exports.replaceUnscanned, close: () => undefined };
}

async function mutator({ size, live, seed }: ObjectJob<LatencyCase>): Promise<MutatorProgram> {
  const exports = await open(seed);
  exports.populateScanned(live, size);
  return new Mutator(exports.replaceScanned, live);
}

class Mutator implements MutatorProgram {
  private readonly replaceScanned: ObjectsExports["replaceScanned"];
  private readonly live: number;
  private replaced = 0;

  constructor(replaceScanned: ObjectsExports["replaceScanned"], live: number) {
    this.replaceScanned = replaceScanned;
    this.live = live;
  }

  replace(): void {
    this.replaceScanned(1);
    this.replaced++;
  }

  cycles(): number {
    return Math.floor(this.replaced / this.live);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function trees(): Promise<TreesProgram> {
  const exports = await open(1);
  return { make: exports.makeTrees, keep: exports.keepTree, countKept: exports.countKept, close: () => undefined };
}

export const programs: Programs = { graph, population, mutator, trees };
