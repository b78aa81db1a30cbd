/**
 * The modules that AssemblyScript's compiler makes of assembly/, once, in the parent; the children load the cached bytes. The compiler is
 * the one that the `assemblyscript` package carries.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, rename } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheDirectory } from "../cache.ts";

const execute = promisify(execFile);

/** `allocator`: TLSF alone. `objects`: the incremental collector, which the compiler's own bookkeeping of pointers on the stack serves. */
const OPTIONS = {
  allocator: ["-O3", "--noAssert", "--runtime", "minimal", "--maximumMemory", "65536"],
  objects: ["-O3", "--noAssert", "--runtime", "incremental", "--maximumMemory", "65536"],
} as const;
type ModuleName = keyof typeof OPTIONS;

/** Compiles what is not cached already. @throws Error with the compiler's words. */
export async function compileAssemblyScript(): Promise<void> {
  for (const name of Object.keys(OPTIONS) as ModuleName[]) await compile(name);
}

async function compile(name: ModuleName): Promise<void> {
  const path = await wasmPath(name);
  try {
    await readFile(path);
    return;
  } catch {
    // Not cached yet.
  }
  await mkdir(cacheDirectory, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  // As a program: the types of its programming interface would change the global ones of this project.
  const asc = fileURLToPath(import.meta.resolve("assemblyscript/bin/asc.js"));
  await execute(process.execPath, [asc, fileURLToPath(sourceOf(name)), "--outFile", unfinished, ...OPTIONS[name]]);
  await rename(unfinished, path);
}

export async function loadModule(name: ModuleName): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(await wasmPath(name)));
}

export function instantiate(module: WebAssembly.Module): Promise<WebAssembly.Instance> {
  return WebAssembly.instantiate(module, {
    env: {
      abort: () => {
        throw new Error("AssemblyScript's runtime called abort");
      },
    },
  });
}

function sourceOf(name: ModuleName): URL {
  return new URL(`../../assembly/${name}.ts`, import.meta.url);
}

async function wasmPath(name: ModuleName): Promise<string> {
  const hash = createHash("sha256").update(await readFile(sourceOf(name)));
  hash.update(OPTIONS[name].join(" ")).update(await readFile(fileURLToPath(import.meta.resolve("assemblyscript/package.json"))));
  return `${cacheDirectory}/assemblyscript-${name}-${hash.digest("hex").slice(0, 16)}.wasm`;
}
