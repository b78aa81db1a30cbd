/**
 * How these benchmarks measure: each case in a process of its own, so that none is optimised for another's types; the cases in turn,
 * several times, so that a slow moment of the machine meets them all; the lower quartile, because noise only adds, in Go's benchmark
 * format, and the ratio to the first case.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What a case found: time per operation, and further figures by unit. */
export interface Figures {
  readonly n: number;
  readonly ns: number;
  readonly [unit: string]: number;
}

/** Calls the kernel, which does `batch` operations, for about `ms`; nanoseconds per operation. */
export function time(kernel: () => void, batch: number, ms = 300): Figures {
  const warm = performance.now() + ms / 2;
  while (performance.now() < warm) kernel();
  const until = performance.now() + ms;
  let n = 0;
  const start = process.hrtime.bigint();
  while (performance.now() < until) {
    kernel();
    n += batch;
  }
  return { n, ns: Number(process.hrtime.bigint() - start) / n };
}

/** Runs the cases whose names contain one of the command's arguments; all when there are none. */
export async function run(script: string, cases: Readonly<Record<string, () => Figures | Promise<Figures>>>, samples = 5): Promise<void> {
  const [flag, name] = process.argv.slice(2);
  if (flag === "--case") {
    console.log(JSON.stringify(await cases[name!]!()));
    return;
  }
  const wanted = process.argv.slice(2);
  const names = Object.keys(cases).filter((each) => wanted.length === 0 || wanted.some((part) => each.includes(part)));
  const found = new Map<string, Figures[]>(names.map((each) => [each, []]));
  for (let i = 0; i < samples; i++) {
    for (const each of names) {
      const out = execFileSync(process.execPath, ["--conditions=dev", fileURLToPath(script), "--case", each], { encoding: "utf8" });
      found.get(each)!.push(JSON.parse(out) as Figures);
    }
  }
  let first = 0;
  for (const [each, all] of found) {
    const figures = all.sort((a, b) => a.ns - b.ns)[all.length >> 2]!;
    if (first === 0) first = figures.ns;
    const more = Object.entries(figures).filter(([unit]) => unit !== "n" && unit !== "ns").map(([unit, value]) => `\t${Number(value.toPrecision(4))} ${unit}`);
    // Only different ways to do one thing are compared.
    const ratio = /way=|threshold=/.test(each) ? `\t${(figures.ns / first).toFixed(2)} ratio` : "";
    console.log(`Benchmark${each}\t${figures.n}\t${figures.ns.toFixed(2)} ns/op${ratio}${more.join("")}`);
  }
}
