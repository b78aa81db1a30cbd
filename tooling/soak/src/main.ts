/**
 * `npx -y pnpm@12 soak [-- --by-hand --cpu-minutes M --minutes M --steps K --threads N --seed S --round R]`: random work by N threads, checked
 * throughout, on collected heaps or, with `--by-hand`, on heaps with malloc and free.
 *
 * Ends after M minutes of processor time (default: 30, by hand 2, or without limit when another is given), M minutes, or K steps, whichever comes
 * first; exits with 1 when anything was wrong. The seed printed first makes every thread intend the same again (how the threads race is up to the machine);
 * with the number of a round that failed, that round comes first.
 */
import { randomInt } from "node:crypto";
import { parseOptions } from "./options.ts";
import { runSoak, type SoakProgress } from "./soak.ts";

const options = parseOptions(process.argv.slice(2), () => randomInt(2 ** 31));
if (typeof options === "string") {
  console.error(options);
  process.exit(2);
}

const { mode, seed, threads, round, steps, seconds, cpuSeconds } = options;
const limits = [
  cpuSeconds < Infinity ? `${cpuSeconds / 60} min of processor time` : "",
  seconds < Infinity ? `${seconds / 60} min` : "",
  steps < Infinity ? `${steps} steps` : "",
];
console.log(`soak: ${mode}, --seed ${seed} --threads ${threads}${round > 0 ? ` --round ${round}` : ""}, until ${limits.filter(Boolean).join(" or ")}`);

const line = (p: SoakProgress): string =>
  `${p.seconds.toFixed(0).padStart(5)} s (${(p.cpuSeconds / 60).toFixed(1)} min of processor time)  ${p.rounds} rounds  ${p.steps} steps  ` +
  `${Math.round(p.steps / p.seconds)}/s  ${p.allocations} allocations  ${p.handedOver} handed over  ${p.exhausted} times exhausted`;

const inPlace = process.stdout.isTTY;
let told = 0;
const report = await runSoak(options, (p) => {
  if (inPlace) process.stdout.write(`\r\x1b[K${line(p)}`);
  else if (p.seconds - told >= 10) {
    told = p.seconds;
    console.log(line(p));
  }
});
if (inPlace) process.stdout.write("\r\x1b[K");
console.log(line(report));
const { frees, refused, checked, forced, callbacks, weakDied, failures } = report;
if (mode === "by-hand") console.log(`${frees} frees, ${refused} wrong addresses refused, ${failures.length} failures`);
else console.log(`${checked} shared objects checked, ${forced} cycles forced, ${callbacks} callbacks, ${weakDied} weak refs died, ${failures.length} failures`);
for (const f of failures) {
  console.error(`\nFAILED in thread ${f.thread}, round ${f.round}, phase ${f.phase}, step ${f.step} (--seed ${seed} --round ${f.round}):\n${f.message}`);
}
process.exit(failures.length === 0 ? 0 : 1);
