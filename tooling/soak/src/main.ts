/**
 * `npx -y pnpm@12 soak [-- --minutes M --threads N --seed S --steps K]`: random work by N threads, checked throughout.
 *
 * Ends after M minutes (default: 1, or without limit when steps are given) or K steps, whichever comes first; exits with 1 when anything
 * was wrong. The seed printed first makes every thread intend the same again (how the threads race is up to the machine).
 */
import { randomInt } from "node:crypto";
import { parseOptions } from "./options.ts";
import { runSoak, type SoakProgress } from "./soak.ts";

const options = parseOptions(process.argv.slice(2), () => randomInt(2 ** 31));
if (typeof options === "string") {
  console.error(options);
  process.exit(2);
}

const limits = [options.seconds < Infinity ? `${options.seconds / 60} min` : "", options.steps < Infinity ? `${options.steps} steps` : ""];
console.log(`soak: --seed ${options.seed} --threads ${options.threads}, until ${limits.filter(Boolean).join(" or ")}`);

const line = (p: SoakProgress): string =>
  `${p.seconds.toFixed(0).padStart(5)} s  ${p.rounds} rounds  ${p.steps} steps  ${Math.round(p.steps / p.seconds)}/s  ` +
  `${p.allocations} allocations  ${p.handedOver} handed over  ${p.exhausted} times exhausted`;

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
console.log(`${report.frees} frees, ${report.refused} wrong addresses refused, ${report.failures.length} failures`);
for (const f of report.failures) {
  console.error(`\nFAILED in thread ${f.thread}, round ${f.round}, phase ${f.phase}, step ${f.step} (seed ${options.seed}):\n${f.message}`);
}
process.exitCode = report.failures.length === 0 ? 0 : 1;
