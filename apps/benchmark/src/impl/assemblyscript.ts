/**
 * AssemblyScript's runtime allocator: TLSF in WebAssembly, called from JavaScript one block at a time, as its users do.
 * It does not zero. Its memory grows by doubling, which is part of its cost. It has no locks: one thread.
 *
 * The module is compiled from assembly/allocator.ts by the compiler that the `assemblyscript` package carries, once, by the parent;
 * the children load the cached bytes.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, rename } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheDirectory } from "../cache.ts";
import type { AddressAllocator } from "../kernels.ts";
import type { AddressImplementation, OpenAllocator } from "./implementation.ts";

const execute = promisify(execFile);
const SOURCE = new URL("../../assembly/allocator.ts", import.meta.url);
const OPTIONS: readonly string[] = ["-O3", "--noAssert", "--runtime", "minimal", "--maximumMemory", "65536"];

/** Compiles the module unless it is cached already; returns the path of the wasm file. @throws Error with the compiler's words. */
export async function compileAssemblyScript(): Promise<string> {
  const path = await wasmPath();
  try {
    await readFile(path);
    return path;
  } catch {
    // Not cached yet.
  }
  await mkdir(cacheDirectory, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  // As a program: the types of its programming interface would change the global ones of this project.
  const asc = fileURLToPath(import.meta.resolve("assemblyscript/bin/asc.js"));
  await execute(process.execPath, [asc, fileURLToPath(SOURCE), "--outFile", unfinished, ...OPTIONS]);
  await rename(unfinished, path);
  return path;
}

async function wasmPath(): Promise<string> {
  const hash = createHash("sha256").update(await readFile(SOURCE));
  hash.update(OPTIONS.join(" ")).update(await readFile(fileURLToPath(import.meta.resolve("assemblyscript/package.json"))));
  return `${cacheDirectory}/assemblyscript-${hash.digest("hex").slice(0, 16)}.wasm`;
}

interface AllocatorExports extends WebAssembly.Exports {
  readonly alloc: (size: number) => number;
  readonly free: (block: number) => void;
}

class AssemblyScriptAllocator implements AddressAllocator {
  private readonly allocExport: AllocatorExports["alloc"];
  private readonly freeExport: AllocatorExports["free"];

  constructor(exports: AllocatorExports) {
    this.allocExport = exports.alloc;
    this.freeExport = exports.free;
  }

  alloc(size: number): number {
    return this.allocExport(size);
  }

  free(address: number): void {
    this.freeExport(address);
  }
}

let compiled: WebAssembly.Module | undefined;

export const implementation: AddressImplementation = {
  blocks: "address",
  async open(): Promise<OpenAllocator<AddressAllocator>> {
    compiled ??= await WebAssembly.compile(await readFile(await wasmPath()));
    const instance = await WebAssembly.instantiate(compiled, {
      env: {
        abort: () => {
          throw new Error("AssemblyScript's runtime called abort");
        },
      },
    });
    return { allocator: new AssemblyScriptAllocator(instance.exports as AllocatorExports), close: () => undefined };
  },
};
