import { loadPprof, type PprofAnswer } from "@mallocgc/go-oracle";
import { beforeEach, describe, expect, test } from "vitest";
import { pprofHandler, type PprofHandler } from "./handler.ts";
import type { HeapProfile, ProfileSource } from "./records.ts";
import { decodeProfile } from "./testing/decode.ts";
import { MAIN, POSTING, goldenProfile, record } from "./testing/profiles.ts";

const { answers } = loadPprof();
const ORIGIN = "http://127.0.0.1:6060";

const handler = pprofHandler({ heapProfile: goldenProfile, gc: () => Promise.resolve() });

/** What is compared of an answer, as it was recorded of Go's. */
async function answered(handle: PprofHandler, method: string, path: string): Promise<PprofAnswer> {
  const response = await handle(new Request(ORIGIN + path, { method }));
  const header = (name: string): string => response.headers.get(name) ?? "";
  return {
    method, path, status: response.status, contentType: header("Content-Type"), contentDisposition: header("Content-Disposition"),
    noSniff: header("X-Content-Type-Options"), goPprof: header("X-Go-Pprof"), allow: header("Allow"), location: header("Location"),
    body: response.status === 200 ? "" : await response.text(),
  };
}

/** Go has these, and a heap does not. */
const NOT_OF_A_HEAP = /^\/debug\/pprof\/(cmdline|profile|symbol|trace|mutex|block|goroutine)\b/;
const unknown = answers[0]!;

describe("every answer is that of Go's server", () => {
  test("of which there are those of its own TestHandlers, and more", () => {
    expect(unknown).toMatchObject({ status: 404, body: "Unknown profile\n", goPprof: "1" });
    expect(answers.slice(0, 11).map(({ path }) => path)).toContain("/debug/pprof/goroutine?seconds=1");
    expect(answers.length).toBeGreaterThan(40);
  });

  test.concurrent.for(answers.map((answer) => [answer.method, answer.path, answer] as const))("%s %s", async ([method, path, recorded]) => {
    const expected = NOT_OF_A_HEAP.test(path) ? { ...unknown, method, path } : recorded;
    expect(await answered(handler, method, path)).toEqual(expected);
  });
});

describe("of a source that is watched", () => {
  let calls: string[];
  let profiles: HeapProfile[];
  let source: ProfileSource;
  beforeEach(() => {
    calls = [];
    profiles = [];
    source = {
      heapProfile: () => {
        calls.push("heapProfile");
        return profiles.shift() ?? goldenProfile();
      },
      gc: () => {
        calls.push("gc");
        return Promise.resolve();
      },
    };
  });
  const get = (path: string, init?: RequestInit): Promise<Response> => pprofHandler(source)(new Request(`${ORIGIN}/debug/pprof/${path}`, init));
  const decoded = async (response: Response): ReturnType<typeof decodeProfile> => decodeProfile(new Uint8Array(await response.arrayBuffer()));

  test.each([
    ["heap?gc=1", ["gc", "heapProfile"]],
    ["heap?gc=1&debug=1", ["gc", "heapProfile"]],
    ["heap?gc=0", ["heapProfile"]],
    ["heap?gc=-1", ["heapProfile"]],
    ["heap?gc=yes", ["heapProfile"]],
    ["heap?gc=99999999999999999999", ["gc", "heapProfile"]],
    ["allocs?gc=1", ["heapProfile"]],
    ["heap?gc=1&seconds=0", []],
    ["nothing?gc=1", []],
  ])("%s does %j", async (path, expected) => {
    await get(path);
    expect(calls).toEqual(expected);
  });

  test("without gc the parameter changes nothing", async () => {
    const bare = pprofHandler({ heapProfile: goldenProfile });
    expect((await bare(new Request(`${ORIGIN}/debug/pprof/heap?gc=1`))).status).toBe(200);
  });

  test("heap and allocs have the same figures and Go's default sample types", async () => {
    const [heap, allocs] = [await decoded(await get("heap")), await decoded(await get("allocs"))];
    expect(heap.samples).toHaveLength(3);
    expect(allocs.samples).toEqual(heap.samples);
    expect([heap.defaultSampleType, allocs.defaultSampleType]).toEqual(["", "alloc_space"]);
  });

  test("seconds=N is what changed, negative where memory went, with its time", async () => {
    profiles = [
      { records: [record([POSTING, MAIN], 10, 160), record([MAIN], 1, 8)], rate: 1, timeMs: 5000 },
      { records: [record([POSTING, MAIN], 11, 176, 9, 144), record([MAIN], 1, 8)], rate: 1, timeMs: 6002 },
    ];
    const start = performance.now();
    const { samples, proto, defaultSampleType } = await decoded(await get("allocs?seconds=1"));
    expect(performance.now() - start).toBeGreaterThan(990);
    expect(samples).toMatchObject([{ values: [1, 16, -8, -128] }]);
    expect(Number(proto.durationNanos)).toBe(1_002_000_000);
    expect(Number(proto.timeNanos)).toBe(6_002_000_000);
    expect(defaultSampleType).toBe("alloc_space");
    expect(calls).toEqual(["heapProfile", "heapProfile"]);
  });

  test("a client that goes away ends the wait", async () => {
    const gone = new AbortController();
    const response = get("heap?seconds=3600", { signal: gone.signal });
    setTimeout(() => gone.abort(), 20);
    expect((await response).status).toBe(500);
    expect(calls).toEqual(["heapProfile"]);
  });

  test("debug=1 is the text, with the source's figures", async () => {
    const response = await pprofHandler(source, { memStats: () => ({ Alloc: 42 }) })(new Request(`${ORIGIN}/debug/pprof/heap?debug=1`));
    expect(await response.text()).toMatch(/^heap profile: [^]*\n# runtime\.MemStats\n# Alloc = 42\n$/);
  });

  test("the page counts the records and leads to the profiles", async () => {
    const page = await (await get("")).text();
    expect(page).toContain("Types of profiles available:");
    expect([...page.matchAll(/<td>(\d+)<td><a href="([^"]+)"/g)].map(([, count, href]) => [count, href])).toEqual([["3", "allocs?debug=1"], ["3", "heap?debug=1"]]);
  });

  test.each(["heap", "heap?debug=1", "heap?gc=1", "heap?seconds=1", ""])("a source that fails is answered with 500: %s", async (path) => {
    source.heapProfile = () => Promise.reject(new Error("secret"));
    source.gc = () => Promise.reject(new Error("secret"));
    const response = await get(path);
    expect(response.status).toBe(500);
    expect(await response.text()).toBe("failed to collect profile\n");
  });
});
