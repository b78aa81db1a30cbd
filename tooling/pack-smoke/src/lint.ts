/**
 * `pnpm lint:packages`: each tarball must please publint (--strict) and attw (as an ESM-only package), hold its README and licence, and no
 * tests.
 */
import { type Tarball, ROOT, checkTarballs, succeeds } from "./pack.ts";

const REQUIRED = ["package.json", "README.md", "LICENSE", "dist/index.js", "dist/index.d.ts", "src/index.ts"];
const FORBIDDEN = /\.test\.|\/testing\/|tsbuildinfo/;

function contentsAreRight({ name, files }: Tarball): boolean {
  const paths = new Set(files.map(({ path }) => path));
  const missing = REQUIRED.filter((path) => !paths.has(path));
  const surplus = [...paths].filter((path) => FORBIDDEN.test(path) || isStale(path, paths));
  if (missing.length + surplus.length === 0) return true;
  console.log(`FAILED  ${name} contents: missing [${missing.join(", ")}], should not be there [${surplus.join(", ")}]`);
  return false;
}

/** A build leaves behind what it once made from a file that has gone since; delete that package's dist. */
function isStale(path: string, paths: ReadonlySet<string>): boolean {
  const source = /^dist\/(.+?)(\.d\.ts|\.js)(\.map)?$/.exec(path)?.[1];
  return source !== undefined && !paths.has(`src/${source}.ts`);
}

await checkTarballs(async (tarballs) => {
  let sound = tarballs.length > 0;
  for (const tarball of tarballs) {
    const { name, filename } = tarball;
    sound = contentsAreRight(tarball) && sound;
    sound = (await succeeds(`publint ${name}`, "publint", ["run", "--strict", filename], ROOT)) && sound;
    sound = (await succeeds(`attw ${name}`, "attw", ["--profile", "esm-only", filename], ROOT)) && sound;
  }
  return sound;
});
