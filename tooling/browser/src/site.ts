/**
 * A web site on 127.0.0.1 that serves the packages as they were built, without a bundler.
 *
 *     /@mallocgc/NAME/FILE.js   packages/NAME/dist/FILE.js
 *     /pages/FILE.ts            src/pages/FILE.ts of this package, its types stripped
 *     /anything else            the files that the site was given
 *
 * A browser does not know where `@mallocgc/NAME` is. An import map tells a page, and then every file is served byte for byte; but import
 * maps do not reach into workers, so a site with workers writes the address into the import instead, as bundlers and development servers do.
 *
 * A module may import its neighbours and our packages. Anything else, `node:` above all, is refused, and remembered as refused: `import()`
 * inside a `try` would hide it from the page. What is imported under a computed name meets the Content-Security-Policy, and the console.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import ts from "typescript";

export interface SiteOptions {
  /** Sent with every response: the headers for isolation, or none. */
  readonly headers: Readonly<Record<string, string>>;
  /** How modules find `@mallocgc/NAME`. */
  readonly names: "import map" | "rewritten";
  /** Further files: path to text. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A package's file that was asked for. */
export interface ServedFile {
  readonly path: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

export interface Site {
  readonly origin: string;
  /** The packages' files that were served, each once. */
  readonly served: ReadonlyMap<string, ServedFile>;
  /** Requests and imports that were refused. */
  readonly refused: readonly string[];
  close(): Promise<void>;
}

const ROOT = new URL("../../../", import.meta.url);
/** The root of the project. */
export const ROOT_FOLDER: string = fileURLToPath(ROOT);
const PAGES = new URL("pages/", import.meta.url);
const PACKAGES = ["sysmem", "sizeclass", "mspan", "mheap", "mcentral", "mcache", "scavenger", "gc", "runtime"];

const NONCE = "of-this-test";
/** The strictest policy under which the packages work: their kernels are WebAssembly. */
const POLICY = `default-src 'self'; script-src 'self' 'wasm-unsafe-eval' 'nonce-${NONCE}'`;
const IMPORT_MAP = JSON.stringify({ imports: Object.fromEntries(PACKAGES.map((name) => [`@mallocgc/${name}`, addressOf(name)])) });
const EMPTY_PAGE = '<!doctype html><meta charset="utf-8">';

function addressOf(name: string): string {
  return `/@mallocgc/${name}/index.js`;
}

class Refused extends Error {}

export async function openSite({ headers, names, files = {} }: SiteOptions): Promise<Site> {
  const served = new Map<string, ServedFile>();
  const refused: string[] = [];

  async function respond(path: string): Promise<Buffer> {
    const file = files[path];
    if (file !== undefined) return Buffer.from(path.endsWith(".js") ? resolveImports(file, path, names) : file);
    if (path === "/favicon.ico") return Buffer.of();
    if (path === "/") return Buffer.from(names === "import map" ? `${EMPTY_PAGE}<script type="importmap" nonce="${NONCE}">${IMPORT_MAP}</script>` : EMPTY_PAGE);
    const source = sourceOf(path);
    if (source === undefined) throw new Refused(`${path}: there is no such file`);
    const text = await readFile(source, "utf8");
    if (path.endsWith(".ts")) return Buffer.from(resolveImports(withoutTypes(text), path, names));
    served.set(path, { path, bytes: Buffer.byteLength(text), gzipBytes: gzipSync(text).length });
    return Buffer.from(resolveImports(text, path, names));
  }

  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://127.0.0.1").pathname;
    respond(path).then(
      (body) => {
        response.writeHead(200, { ...headers, "content-type": contentType(path), "content-security-policy": POLICY, "cache-control": "no-store" });
        response.end(body);
      },
      (error: unknown) => {
        refused.push(error instanceof Refused ? error.message : `${path}: ${String(error)}`);
        response.writeHead(404).end();
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    served,
    refused,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function sourceOf(path: string): URL | undefined {
  const [, name, file] = /^\/@mallocgc\/([a-z-]+)\/((?:[\w-]+\/)*[\w-]+\.js)$/.exec(path) ?? [];
  if (name !== undefined && file !== undefined) return new URL(`packages/${name}/dist/${file}`, ROOT);
  const [, page] = /^\/pages\/([\w-]+\.ts)$/.exec(path) ?? [];
  return page === undefined ? undefined : new URL(page, PAGES);
}

function contentType(path: string): string {
  return /\.[jt]s$/.test(path) ? "text/javascript" : "text/html";
}

function withoutTypes(source: string): string {
  return ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  }).outputText;
}

/** Checks every import of a module, and where wanted replaces `@mallocgc/NAME` by its address. Nothing else is changed. */
function resolveImports(source: string, path: string, names: SiteOptions["names"]): string {
  let resolved = "";
  let copied = 0;
  for (const { fileName, pos } of ts.preProcessFile(source, true, true).importedFiles) {
    if (/^\.\.?\//.test(fileName)) continue;
    const name = fileName.startsWith("@mallocgc/") ? fileName.slice("@mallocgc/".length) : "";
    if (!PACKAGES.includes(name)) throw new Refused(`${path} imports ${fileName}`);
    if (names === "import map") continue;
    const at = source.indexOf(fileName, pos);
    resolved += source.slice(copied, at) + addressOf(name);
    copied = at + fileName.length;
  }
  return resolved + source.slice(copied);
}
