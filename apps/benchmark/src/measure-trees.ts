/**
 * binary-trees, as the benchmarks game has it: a tree deeper than all others is made and dropped, one is made and kept, and then very many
 * of each depth from 4 to the greatest are made, counted and dropped. Go's program does the same (go/trees.go).
 *
 * Several threads share the trees of each depth; the first makes the two that come before, while the others wait, on its clock.
 */
import type { TreesProgram } from "./impl/programs.ts";
import type { Measurement } from "./job.ts";
import { wallTime, type Meeting, type ThreadTime } from "./measure.ts";

const LEAST_DEPTH = 4;

export interface TreesTime {
  /** Operations are nodes that this thread made. */
  readonly time: ThreadTime;
  readonly cycles?: number;
}

/** This thread's part; `index` is its number among the threads. @throws Error when a node was lost or made up. */
export function measureTrees(
  job: { readonly depth: number; readonly threads: number },
  program: TreesProgram,
  index: number,
  meeting: Meeting,
): TreesTime {
  const { depth: greatest, threads } = job;
  if (index > 0) meeting.agree(1);
  const cpuStart = process.threadCpuUsage();
  const start = process.hrtime.bigint();
  let counted = 0;
  let made = 0;
  if (index === 0) {
    counted += program.make(greatest + 1, 1);
    program.keep(greatest);
    made += nodesOf(greatest + 1) + nodesOf(greatest);
    program.rest?.();
    meeting.agree(1);
  }
  for (let depth = LEAST_DEPTH; depth <= greatest; depth += 2) {
    const trees = treesOf(depth, greatest);
    const share = Math.floor((trees * (index + 1)) / threads) - Math.floor((trees * index) / threads);
    counted += program.make(depth, share);
    made += share * nodesOf(depth);
  }
  if (index === 0) counted += program.countKept();
  const end = process.hrtime.bigint();
  const { user, system } = process.threadCpuUsage(cpuStart);
  if (counted !== made) throw new Error(`${made} nodes were made, ${counted} counted`);
  const cycles = program.cycles?.();
  program.close();
  const time = { start, end, ops: made, onProcessor: Math.min(1, ((user + system) * 1000) / Number(end - start)) };
  return cycles === undefined ? { time } : { time, cycles };
}

/** The threads of one sample together. */
export function treesMeasurement(threads: readonly TreesTime[]): Measurement {
  const times = threads.map(({ time }) => time);
  const ops = times.reduce((sum, time) => sum + time.ops, 0);
  const cycles = threads[0]?.cycles;
  return {
    nsPerOp: wallTime(times) / ops,
    ops,
    bytesPerOp: 0,
    onProcessor: Math.min(...times.map((time) => time.onProcessor)),
    ...(cycles === undefined ? {} : { cycles }),
  };
}

/** How many trees of a depth are made, so that all depths together have about as many nodes each. */
function treesOf(depth: number, greatest: number): number {
  return 2 ** (greatest - depth + LEAST_DEPTH);
}

function nodesOf(depth: number): number {
  return 2 ** (depth + 1) - 1;
}
