/**
 * What a lookup costs: `node --conditions=dev bench/cost.ts`, one process per function, so that none sees the others' types.
 * Random sizes, most of them small; best of several rounds; the cost of the loop itself is shown and not subtracted.
 */
import { spawnSync } from "node:child_process";
import { CLASS_TO_DIV_MAGIC, objectIndex, roundupsize, sizeToClass } from "@mallocgc/sizeclass";

const N = 1 << 14;
const sizes = new Int32Array(N);
let x = 1;
for (let i = 0; i < N; i++) {
  x = (Math.imul(x, 1103515245) + 12345) | 0;
  sizes[i] = ((x >>> 8) % (i % 4 === 0 ? 32760 : 256)) + 1;
}
const magic = CLASS_TO_DIV_MAGIC[7]!;

const cases: Record<string, () => number> = {
  loop: () => {
    let sum = 0;
    for (let i = 0; i < N; i++) sum = (sum + sizes[i]!) | 0;
    return sum;
  },
  sizeToClass: () => {
    let sum = 0;
    for (let i = 0; i < N; i++) sum = (sum + sizeToClass(sizes[i]!)) | 0;
    return sum;
  },
  objectIndex: () => {
    let sum = 0;
    for (let i = 0; i < N; i++) sum = (sum + objectIndex(sizes[i]!, magic)) | 0;
    return sum;
  },
  roundupsize: () => {
    let sum = 0;
    for (let i = 0; i < N; i++) sum = (sum + roundupsize(sizes[i]!, true)) | 0;
    return sum;
  },
};

const chosen = cases[process.argv[2] ?? ""];
if (chosen === undefined) {
  for (const name of Object.keys(cases)) {
    spawnSync(process.execPath, [...process.execArgv, import.meta.filename, name], { stdio: "inherit" });
  }
} else {
  let best = Infinity;
  for (let round = 0; round < 12; round++) {
    const start = performance.now();
    for (let i = 0; i < 400; i++) chosen();
    best = Math.min(best, ((performance.now() - start) * 1e6) / (400 * N));
  }
  console.log(`${process.argv[2]!.padEnd(12)} ${best.toFixed(2)} ns`);
}
