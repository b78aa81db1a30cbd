/**
 * `pnpm test`: everything that must hold before a change is taken, cheapest first. The last line is `N passed, N failed`.
 */
import { join } from "node:path";
import { type Check, runGate } from "./gate.ts";
import { ROOT } from "./run-command.ts";

function vitest(project: string): Check {
  const report = join(ROOT, "node_modules", ".cache", `vitest-${project}.json`);
  return { name: `test ${project}`, command: ["vitest", "run", "--project", project, "--reporter=dot", "--reporter=json", `--outputFile.json=${report}`], report };
}

const checks: readonly Check[] = [
  { name: "layers", command: ["node", "tooling/layers/src/main.ts"] },
  { name: "typecheck", command: ["tsc", "-p", "tsconfig.json"] },
  { name: "eslint", command: ["eslint", "."] },
  { name: "knip", command: ["knip"] },
  vitest("unit"),
  vitest("threads"),
  { name: "build", command: ["turbo", "run", "build", "--output-logs=errors-only"] },
  { name: "publint, attw", command: ["pnpm", "lint:packages"] },
  { name: "pack smoke", command: ["pnpm", "smoke"] },
];

// So that an interrupted gate takes the command that is running with it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const { passed, failed } = await runGate(checks, console.log);
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed`);
