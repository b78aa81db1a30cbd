/**
 * Go's `net/http/pprof` for a heap, as a function from Request to Response: it fits Node (with `toNodeListener`), Deno, Bun, Hono and workers alike.
 *
 *     GET /debug/pprof/                  page with links
 *     GET /debug/pprof/heap              profile.proto, gzipped: what is in use is shown first
 *     GET /debug/pprof/allocs            the same figures; what was allocated since the start is shown first
 *         ?gc=1        (heap)            a collection before it
 *         ?debug=1                       as text
 *         ?seconds=N                     what changed in N seconds
 *
 * Statuses, headers, the bodies of errors and what wrong parameters do are Go's, held against a running Go by a test. Go's other profiles (`goroutine`,
 * `profile`, `cmdline`, ...) are of things that a heap does not have: they are answered as Go answers a name that it does not know.
 */
import { deltaProfile } from "./delta.ts";
import { legacyText } from "./legacy-text.ts";
import type { MemStatsFigures } from "./mem-stats-lines.ts";
import { encodeProfile, type HeapProfileName } from "./profile-proto.ts";
import type { ProfileSource } from "./records.ts";
import { textResponse } from "./text-response.ts";
import { sleep } from "./timer.ts";
import { unsampleProfile, type HeapSamples } from "./unsample.ts";

export type PprofHandler = (request: Request) => Promise<Response>;

export interface PprofHandlerOptions {
  /** Figures that end the text form, as in Go. */
  readonly memStats?: () => MemStatsFigures;
}

const PREFIX = "/debug/pprof/";

const DESCRIPTIONS: Readonly<Record<HeapProfileName, string>> = {
  allocs: "All allocations since the start, sampled.",
  heap: "Allocations that are still in use, sampled. With the parameter gc=1 a collection runs first.",
};

/** Never rejects: a source that fails is answered with 500. */
export function pprofHandler(source: ProfileSource, options: PprofHandlerOptions = {}): PprofHandler {
  return async (request) => {
    const response = await answer(source, options, request);
    return request.method === "HEAD" ? new Response(null, response) : response;
  };
}

async function answer(source: ProfileSource, options: PprofHandlerOptions, request: Request): Promise<Response> {
  const { pathname, search, searchParams } = new URL(request.url);
  if (`${pathname}/` === PREFIX) return redirect(PREFIX + search);
  if (!pathname.startsWith(PREFIX)) return textResponse(404, "404 page not found");
  if (request.method !== "GET" && request.method !== "HEAD") return textResponse(405, "Method Not Allowed", { Allow: "GET, HEAD" });

  const name = decoded(pathname.slice(PREFIX.length));
  try {
    if (name === "") return await index(source);
    if (name !== "heap" && name !== "allocs") return failure(404, "Unknown profile");
    const seconds = searchParams.get("seconds") ?? "";
    if (seconds !== "") return await delta(source, name, seconds, atoi(searchParams.get("debug")), request.signal);

    if (name === "heap" && atoi(searchParams.get("gc")) > 0) await source.gc?.();
    const profile = await source.heapProfile();
    if (atoi(searchParams.get("debug")) !== 0) return ok("text/plain; charset=utf-8", legacyText(profile, options.memStats?.()));
    return binary(name, await encodeProfile(unsampleProfile(profile), name));
  } catch {
    return failure(500, "failed to collect profile");
  }
}

async function delta(source: ProfileSource, name: HeapProfileName, text: string, debug: number, signal: AbortSignal): Promise<Response> {
  const seconds = atoi(text);
  if (seconds <= 0 || seconds > MAX_INT64) return failure(400, 'invalid value for "seconds" - must be a positive integer');
  if (debug !== 0) return failure(400, "seconds and debug params are incompatible");

  const before = await collect(source);
  if (!(await sleep(seconds * 1000, signal))) return failure(500, "context canceled");
  return binary(`${name}-delta`, await encodeProfile(deltaProfile(before, await collect(source)), name));
}

async function collect(source: ProfileSource): Promise<HeapSamples> {
  return unsampleProfile(await source.heapProfile());
}

const MAX_INT64 = 2 ** 63 - 1;

/** As Go's strconv.Atoi with its error ignored: 0 for what is no number; beyond int64 a number that is beyond it. */
function atoi(text: string | null): number {
  return text !== null && /^[+-]?\d+$/.test(text) ? Number(text) : 0;
}

async function index(source: ProfileSource): Promise<Response> {
  const { length } = (await source.heapProfile()).records;
  const names = Object.keys(DESCRIPTIONS) as HeapProfileName[];
  const rows = names.map((name) => `<tr><td>${length}<td><a href="${name}?debug=1">${name}</a><td>${DESCRIPTIONS[name]}`);
  return ok("text/html; charset=utf-8", `<!doctype html>
<html lang="en">
<title>${PREFIX}</title>
<h1>${PREFIX}</h1>
<p>Types of profiles available:
<table>
<tr><th>Count<th>Profile<th>
${rows.join("\n")}
</table>
<p>The links lead to the text form. For the binary form: <code>go tool pprof http://ADDRESS${PREFIX}heap</code>
`);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function ok(contentType: string, body: string): Response {
  return new Response(body, { headers: { "Content-Type": contentType, "X-Content-Type-Options": "nosniff" } });
}

function binary(fileName: string, body: Uint8Array<ArrayBuffer>): Response {
  return new Response(body, {
    headers: { "Content-Type": "application/octet-stream", "Content-Disposition": `attachment; filename="${fileName}"`, "X-Content-Type-Options": "nosniff" },
  });
}

/** An error of the profile handler: `go tool pprof` looks for X-Go-Pprof and shows the text. */
function failure(status: number, message: string): Response {
  return textResponse(status, message, { "X-Go-Pprof": "1" });
}

function redirect(to: string): Response {
  const href = to.replaceAll("&", "&amp;").replaceAll('"', "&#34;").replaceAll("'", "&#39;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return new Response(`<a href="${href}">Temporary Redirect</a>.\n\n`, { status: 307, headers: { Location: to, "Content-Type": "text/html; charset=utf-8" } });
}
