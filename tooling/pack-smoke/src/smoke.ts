/**
 * `pnpm smoke`: what a user gets. The tarballs are installed by npm into an empty folder, offline, with what they depend on;
 * there the program under `consumer/` is type-checked against the declarations that were packed, without `skipLibCheck`, and run.
 */
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, checkTarballs, packOthers, succeeds } from "./pack.ts";

const PROGRAM = "two-threads.ts";

const TSCONFIG = {
  compilerOptions: {
    target: "ES2024",
    module: "NodeNext",
    strict: true,
    noEmit: true,
    types: ["node"],
    typeRoots: [join(ROOT, "node_modules", "@types")],
  },
  files: [PROGRAM],
};

await checkTarballs(async (tarballs, folder) => {
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(TSCONFIG));
  await copyFile(new URL(`consumer/${PROGRAM}`, import.meta.url), join(folder, PROGRAM));

  const files = [...tarballs.map(({ filename }) => filename), ...(await packOthers(folder))];
  return (
    (await succeeds("npm installs the tarballs", "npm", ["install", "--offline", "--no-audit", "--no-fund", ...files], folder)) &&
    (await succeeds("the declarations type-check", "tsc", ["-p", "tsconfig.json"], folder)) &&
    (await succeeds("two threads use one heap", "node", [PROGRAM], folder))
  );
});
