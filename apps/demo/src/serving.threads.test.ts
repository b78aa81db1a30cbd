/** One demo at its prompt, asked over HTTP as people ask it: by `go tool pprof` where there is Go, by other programs everywhere. */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { goAvailable } from "@mallocgc/go-oracle";
import parse from "parse-prometheus-text-format";
import { Profile } from "pprof-format";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { RunReport } from "./report/report.ts";

const TERM_MAP = join(import.meta.dirname, "index/term-map.ts");
const go = goAvailable();
if (!go) console.log("the demo's profile is not read with go tool pprof: Go is not installed");

let dir: string;
let demo: ChildProcessWithoutNullStreams;
let url = "";
let out = "";

const file = (): string => join(dir, "index.pb.gz");

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "mallocgc-serving-"));
  mkdirSync(join(dir, "text"));
  for (let i = 0; i < 60; i++) writeFileSync(join(dir, "text", `${i}.txt`), Array.from({ length: 2000 }, (_, w) => `word${(i * 31 + w * w) % 20_000}`).join(" "));
  const args = ["--conditions=dev", join(import.meta.dirname, "main.ts"), join(dir, "text"), "--workers", "2", "--listen", "0", "--profile", file(), "--watch", "0", "--json", join(dir, "report.json")];
  demo = spawn(process.execPath, args);
  let err = "";
  demo.stderr.on("data", (chunk) => (err += String(chunk)));
  demo.stdout.on("data", (chunk) => (out += String(chunk)));
  await vi.waitFor(() => { expect(out + err).toContain("word> "); }, { timeout: 60_000 });
  url = /go tool pprof (http:\S+\/)debug\/pprof\/heap/.exec(err)![1]!;
}, 90_000);

afterAll(() => {
  demo.kill();
  rmSync(dir, { recursive: true });
});

/** The places of a profile, as `function file:line`, the threads that allocated, and its four sums. */
function decode(gzipped: Uint8Array): { places: string[]; threads: Set<string>; sums: number[] } {
  const { stringTable, function: functions, location, sample } = Profile.decode(gunzipSync(gzipped));
  const str = (i: number | bigint): string => stringTable.strings[Number(i)]!;
  const byId = new Map(functions.map((f) => [Number(f.id), f]));
  const places = location.flatMap((l) => l.line.map((line) => {
    const f = byId.get(Number(line.functionId))!;
    return `${str(f.name)} ${str(f.filename)}:${Number(line.line)}`;
  }));
  const threads = new Set(sample.flatMap((s) => s.label.filter((l) => str(l.key) === "thread").map((l) => str(l.str))));
  return { places, threads, sums: [0, 1, 2, 3].map((i) => sample.reduce((sum, s) => sum + Number(s.value[i]), 0)) };
}

async function fetched(path: string): Promise<Response> {
  const response = await fetch(url + path);
  expect(response.status).toBe(200);
  return response;
}

/** What the demo printed of its profile: function, bytes and place of each line. */
function printedTop(): { function: string; bytes: string; place: string }[] {
  const table = /Heap profile of the index.*\n.*function\n((?: .*\n)+)/.exec(out)![1]!;
  return table.trimEnd().split("\n").map((row) => {
    const [, bytes, name, place] = /^ +([\d.]+ [KM]?i?B) +[\d.]+ % +[\d,]+ {2}(\S+) +(\S+)$/.exec(row)!;
    return { function: name!, bytes: bytes!, place: place! };
  });
}

describe("the demo's profile", () => {
  it("from its file and over HTTP names the functions of its own TypeScript, at the lines where they allocate", async () => {
    const source = readFileSync(TERM_MAP, "utf8").split("\n");
    for (const gzipped of [readFileSync(file()), await (await fetched("debug/pprof/heap?gc=1")).bytes(), await (await fetched("debug/pprof/allocs")).bytes()]) {
      const { places, threads, sums } = decode(gzipped);
      expect([...threads]).toEqual(expect.arrayContaining(["worker 1", "worker 2"]));
      const lines = places.flatMap((place) => {
        const match = /^TermMap\.(?:newOctets|insertLocked|makeRoomLocked) (.*):(\d+)$/.exec(place);
        return match?.[1] === TERM_MAP ? [Number(match[2])] : [];
      });
      expect(lines.length).toBeGreaterThanOrEqual(3);
      expect(lines.some((line) => /alloc\(/.test(source[line - 1]!))).toBe(true);
      expect(places.some((place) => place.includes("/worker/indexer.ts:"))).toBe(true);
      // What is in use is at most what was allocated, and the index is all there.
      expect(sums[2]).toBeLessThanOrEqual(sums[0]!);
      expect(sums[3]).toBeLessThanOrEqual(sums[1]!);
      expect(sums[3]).toBeGreaterThan(100 << 10);
    }
  });

  it("is printed as the functions that hold the most", () => {
    const top = printedTop();
    expect(top.length).toBeGreaterThanOrEqual(3);
    expect(top.length).toBeLessThanOrEqual(10);
    expect(top[0]).toMatchObject({ function: expect.stringMatching(/^TermMap\./), place: expect.stringMatching(/apps\/demo\/src\/index\/term-map\.ts:\d+$/) });
  });

  it("has a page with links, and nothing for names that are not there", async () => {
    expect(await (await fetched("debug/pprof/")).text()).toContain('href="heap?debug=1"');
    expect(await (await fetched("debug/pprof/heap?debug=1")).text()).toMatch(/^heap profile: [^]*# HeapInuse = \d+\n/);
    expect(await (await fetched("")).text()).toContain("/metrics");
    expect((await fetch(`${url}debug/pprof/goroutine`)).status).toBe(404);
    expect((await fetch(`${url}elsewhere`)).status).toBe(404);
  });

  it.each(["metrics", "debug/pprof/heap"])("and metrics are refused to other hosts' names: %s", async (path) => {
    const asked = request(url + path, { headers: { Host: "evil.example" } }).end();
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    expect(answer.statusCode).toBe(403);
    answer.resume();
  });
});

const env = (): NodeJS.ProcessEnv => ({ ...process.env, GOTOOLCHAIN: "local", PPROF_TMPDIR: dir, PPROF_BINARY_PATH: dir });

async function pprof(...args: string[]): Promise<string> {
  return (await promisify(execFile)("go", ["tool", "pprof", ...args], { cwd: dir, env: env() })).stdout;
}

it("a scrape of the demo parses, and says of the heap and the process what the demo says", async () => {
  const response = await fetched("metrics");
  expect(response.headers.get("Content-Type")).toContain("text/plain; version=0.0.4");
  const families = new Map(parse(await response.text()).map((family) => [family.name, family]));
  const figure = (name: string): number => Number(families.get(name)!.metrics[0]!.value);

  // Nothing is under way: what is in use is what the demo has reported of its index.
  const [, value, unit] = /heap {9}([\d.]+) (.iB) in use/.exec(out)!;
  expect(figure("go_memstats_heap_inuse_bytes") / (unit === "MiB" ? 2 ** 20 : 2 ** 10)).toBeCloseTo(Number(value), 1);
  expect(figure("go_memstats_heap_sys_bytes")).toBe(figure("go_memstats_heap_inuse_bytes") + figure("go_memstats_heap_idle_bytes"));
  expect(figure("go_memstats_heap_released_bytes")).toBeLessThanOrEqual(figure("go_memstats_heap_idle_bytes"));
  expect(figure("go_memstats_alloc_bytes_total")).toBeGreaterThan(figure("go_memstats_alloc_bytes"));
  expect(figure("mallocgc_gc_cycles_total_gc_cycles_total")).toBeGreaterThanOrEqual(1);
  expect(figure("go_memstats_heap_objects")).toBe(figure("go_memstats_mallocs_total") - figure("go_memstats_frees_total"));
  const pauses = families.get("mallocgc_gc_pauses_seconds")!.metrics[0]!;
  expect(pauses.count).toBe(pauses.buckets!["+Inf"]);
  expect(figure("process_resident_memory_bytes")).toBeGreaterThan(figure("go_memstats_heap_inuse_bytes"));
});

describe.skipIf(!go)("go tool pprof on the demo", { timeout: 60_000 }, () => {
  it.each(["inuse_space", "inuse_objects", "alloc_space", "alloc_objects"])("-sample_index=%s from the file and over HTTP names functions, and lines with -lines", async (index) => {
    for (const from of [file(), `${url}debug/pprof/heap`]) {
      const top = await pprof("-top", "-lines", `-sample_index=${index}`, from);
      expect(top).toContain(`Type: ${index}`);
      expect(top).toMatch(/TermMap\.insertLocked \S*src\/index\/term-map\.ts:\d+/);
    }
  });

  it("-traces has whole stacks, from the allocation to the worker", async () => {
    expect(await pprof("-traces", `${url}debug/pprof/allocs`)).toMatch(/TermMap\.insertLocked\n +TermMap\.\w+\n[^-]*InvertedIndex\.add\n +Indexer\.add\n[^-]*Indexer\.run\n/);
  });

  it("-diff_base of the file and the same index is nothing in use", async () => {
    expect(await pprof("-top", `-diff_base=${file()}`, `${url}debug/pprof/heap`)).toMatch(/Showing nodes accounting for 0, 0% of /);
  });

  it("-http shows a flame graph of its functions", async () => {
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address() as AddressInfo;
    await new Promise((done) => probe.close(done));
    const child = spawn("go", ["tool", "pprof", `-http=127.0.0.1:${port}`, "-no_browser", `${url}debug/pprof/heap`], { cwd: dir, env: env(), stdio: "ignore", detached: true });
    try {
      const page = await vi.waitFor(async () => (await fetch(`http://127.0.0.1:${port}/ui/flamegraph`)).text(), { timeout: 30_000, interval: 200 });
      for (const name of ["TermMap.newOctets", "TermMap.insertLocked", "Indexer.run"]) expect(page).toContain(name);
    } finally {
      // go runs the tool as a child of its own.
      process.kill(-child.pid!, "SIGKILL");
      await once(child, "close");
    }
  });
});

describe("the demo that is left", () => {
  let report: RunReport;
  beforeAll(async () => {
    demo.stdin.end("\n");
    const [code] = (await once(demo, "exit")) as [number | null];
    expect(code, out).toBe(0);
    report = JSON.parse(readFileSync(join(dir, "report.json"), "utf8")) as RunReport;
  }, 60_000);

  it("serves no more, and has reported what it printed of its profile", async () => {
    await expect(fetch(url)).rejects.toThrow();
    const { rate, top } = report.profile!;
    expect(rate).toBe(32 << 10);
    expect(top.map((f) => f.function)).toEqual(printedTop().map((f) => f.function));
    expect(top.reduce((sum, f) => sum + f.percent, 0)).toBeCloseTo(100, 3);
    // A sample stands for some `rate` bytes, and a sum of n samples is off by some 1/sqrt(n).
    const sum = top.reduce((bytes, f) => bytes + f.bytes, 0);
    const off = 5 / Math.sqrt(report.bytesAllocated / rate);
    expect(Math.abs(sum / report.bytesAllocated - 1)).toBeLessThan(off);
  });

  it.skipIf(!go)("has printed what `go tool pprof -top` ranks first", async () => {
    const rows = [...(await pprof("-top", "-unit=B", "-nodefraction=0", file())).matchAll(/^ *(\d+)B +[\d.]+% +[\d.]+% +\d+B +[\d.]+% +(\S+)$/gm)];
    const ranked = rows.map(([, flat, name]) => [name, Number(flat)]).filter(([, flat]) => flat !== 0);
    expect(report.profile!.top.map((f) => [f.function, f.bytes])).toEqual(ranked.slice(0, 10));
  });
});
