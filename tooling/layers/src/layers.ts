/**
 * The order of the packages, and the proof that imports follow it.
 *
 * A package may import the packages below it and no other. That is what lets someone take one layer without the heap, and read a layer
 * knowing only those beneath it. Four packages import none of ours: the two at the bottom, which know nothing of one another, and the
 * profile writer and the exporters of metrics, which know no heap.
 *
 * Two things are read: the import declarations of every source file (static, dynamic and type-only alike: a type that points upward is
 * still knowledge of an upper layer), and `dependencies` in each `package.json`. An import also has to be declared as a dependency, or
 * it would resolve here, by the workspace's grace, and fail for whoever installs the package. Test files obey the same order and may
 * also use the private packages under `tooling/`.
 */
import { glob, readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import ts from "typescript";

/** From the bottom up, as section 1 of docs/architecture.md draws it from the top down. */
export const LAYERS: readonly string[] = ["sysmem", "sizeclass", "mspan", "mheap", "mcentral", "mcache", "metrics", "pprof-export", "scavenger", "gc", "runtime"];

const INDEPENDENT: ReadonlySet<string> = new Set(["sysmem", "sizeclass", "pprof-export", "metrics"]);

/** For tests only: private, never published. */
const TEST_SUPPORT: ReadonlySet<string> = new Set(["testing", "go-oracle"]);

const SCOPE = "@mallocgc/";

export interface Violation {
  /** Path from the root, with the line for an import: `packages/mspan/src/span.ts:12`. */
  readonly where: string;
  readonly why: string;
}

export interface LayerReport {
  readonly packages: number;
  readonly files: number;
  readonly imports: number;
  readonly violations: readonly Violation[];
}

interface PackageJson {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Reads every package under `root`/packages and reports each import or dependency that does not go down. */
export async function checkLayers(root: string): Promise<LayerReport> {
  const violations: Violation[] = [];
  let packages = 0;
  let files = 0;
  let imports = 0;

  for await (const manifestPath of glob("packages/*/package.json", { cwd: root })) {
    packages++;
    const manifest = JSON.parse(await readFile(join(root, manifestPath), "utf8")) as PackageJson;
    const importer = manifest.name.slice(SCOPE.length);
    const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }));

    if (!manifest.name.startsWith(SCOPE) || !LAYERS.includes(importer)) {
      violations.push({ where: manifestPath, why: `${manifest.name} has no place in the layers: give it one in tooling/layers/src/layers.ts and docs/architecture.md` });
      continue;
    }
    for (const dependency of declared) {
      const why = whyNotDown(importer, dependency);
      if (why !== undefined) violations.push({ where: manifestPath, why });
    }

    for await (const file of glob(`packages/${manifestPath.split(sep)[1]}/src/**/*.ts`, { cwd: root })) {
      files++;
      for (const { specifier, line } of importsOf(await readFile(join(root, file), "utf8"))) {
        if (!specifier.startsWith(SCOPE)) continue;
        imports++;
        const why = whyNotAllowed(importer, packageOf(specifier), isForTests(file), declared);
        if (why !== undefined) violations.push({ where: `${file}:${line}`, why });
      }
    }
  }
  return { packages, files, imports, violations };
}

function whyNotAllowed(importer: string, imported: string, forTests: boolean, declared: ReadonlySet<string>): string | undefined {
  const name = imported.slice(SCOPE.length);
  if (name === importer) return forTests ? undefined : `${importer} imports itself by name: import the file`;
  if (TEST_SUPPORT.has(name)) return forTests ? undefined : `${imported} is for tests only and is never published`;
  const why = whyNotDown(importer, imported);
  if (why !== undefined) return why;
  return declared.has(imported) ? undefined : `${importer} imports ${imported} without declaring it in its package.json`;
}

/** Why `importer` may not know the package `imported`; undefined when it may, or when it is no package of ours. */
function whyNotDown(importer: string, imported: string): string | undefined {
  if (!imported.startsWith(SCOPE)) return undefined;
  const name = imported.slice(SCOPE.length);
  const level = LAYERS.indexOf(name);
  if (level < 0) return `${importer} imports ${imported}, which has no place in the layers`;
  if (level >= LAYERS.indexOf(importer)) return `${importer} imports ${imported}, which is not below it`;
  if (INDEPENDENT.has(importer)) return `${importer} imports ${imported}, but imports no package of ours`;
  return undefined;
}

interface Import {
  readonly specifier: string;
  readonly line: number;
}

function importsOf(source: string): Import[] {
  return ts.preProcessFile(source, true, true).importedFiles.map(({ fileName, pos }) => ({ specifier: fileName, line: source.slice(0, pos).split("\n").length }));
}

function packageOf(specifier: string): string {
  return specifier.split("/").slice(0, 2).join("/");
}

function isForTests(file: string): boolean {
  return file.endsWith(".test.ts") || file.includes(`${sep}testing${sep}`);
}
