import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { PprofExportError } from "./errors.ts";
import { parca, pyroscope } from "./push-targets.ts";
import { startPush, type PushOptions, type PushTarget, type Pusher } from "./push.ts";
import type { HeapProfile } from "./records.ts";
import { Collector, status, type Received } from "./testing/collector.ts";
import { decodeProfile, type Decoded } from "./testing/decode.ts";
import { MAIN, record } from "./testing/profiles.ts";

const FAST = { intervalMs: 20, timeoutMs: 2_000, backoff: { minMs: 5, maxMs: 40 } };

/** Each profile has one object of 8 bytes more allocated, half of them freed. */
class Growing {
  taken = 0;
  heapProfile(): HeapProfile {
    const n = ++this.taken;
    const freed = n >> 1;
    return { records: [record([MAIN], n, 8 * n, freed, 8 * freed)], rate: 1, timeMs: 1_790_000_000_000 + 1000 * n };
  }
}

let server: Collector;
let source: Growing;
let errors: PprofExportError[];
let pusher: Pusher;
beforeEach(async () => {
  server = await Collector.start();
  source = new Growing();
  errors = [];
});
afterEach(async () => {
  await pusher.stop();
  await server[Symbol.asyncDispose]();
});

function start(target: PushTarget = pyroscope({ url: server.url, name: "app" }), options: Partial<PushOptions> = {}): void {
  pusher = startPush(source, target, { ...FAST, onError: (error) => errors.push(error), ...options });
}

const pushed = async ({ body }: Received): Promise<Decoded> => decodeProfile(new Uint8Array(await ((await body.formData()).get("profile") as File).arrayBuffer()));
const allocated = async (list: readonly Received[]): Promise<number[]> => Promise.all(list.map(async (each) => (await pushed(each)).samples[0]?.values[0] ?? 0));

describe("Pyroscope's form", () => {
  test("has name, labels and time in the query, the profile and its types as files", async () => {
    start(pyroscope({ url: `${server.url}/behind/`, name: "my.app", labels: { env: "staging", region: "eu 1" }, headers: { "X-Scope-OrgID": "tenant" } }));
    const [first] = await server.arrived(1);
    expect(first).toMatchObject({ path: "/behind/ingest", headers: { "x-scope-orgid": "tenant" } });
    // format=pprof beside a form would make the server take the form for the profile.
    expect(first!.query).toEqual({ name: "my.app{env=staging,region=eu 1}", from: "1790000001", until: "1790000002", spyName: "mallocgc" });
    const form = await first!.body.formData();
    expect([...form.keys()]).toEqual(["profile", "sample_type_config"]);
    const config = JSON.parse(await (form.get("sample_type_config") as File).text()) as Readonly<Record<string, unknown>>;
    const { sampleTypes, proto } = await decodeProfile(new Uint8Array(await (form.get("profile") as File).arrayBuffer()));
    expect(Object.keys(config)).toEqual(sampleTypes.map((type) => type.split("/")[0]));
    expect(config["inuse_space"]).toEqual({ units: "bytes", aggregation: "average", "display-name": "inuse_space", sampled: false });
    expect(config["alloc_objects"]).toMatchObject({ units: "objects", aggregation: "sum" });
    expect(Number(proto.durationNanos)).toBe(1e9);
  });

  test("has the allocations of the interval, and all that is in use", async () => {
    start();
    const received = await server.arrived(3);
    expect((await Promise.all(received.slice(0, 3).map(pushed))).map(({ samples }) => samples[0]!.values)).toEqual([[1, 8, 1, 8], [1, 8, 2, 16], [1, 8, 2, 16]]);
  });

  test.each([
    [{ url: "nowhere", name: "a" }], [{ url: "ftp://host", name: "a" }], [{ url: "http://host", name: "" }], [{ url: "http://host", name: "a{b=c}" }],
    [{ url: "http://host", name: "a", labels: { "a-b": "c" } }], [{ url: "http://host", name: "a", labels: { a: "b,c" } }],
  ])("refuses what it cannot carry: %j", (options) => {
    expect(() => pyroscope(options)).toThrow(expect.objectContaining({ code: "ERR_PPROF_OPTION" }));
    start();
  });
});

test("Parca's form is WriteRaw in JSON, with allocations since the start", async () => {
  start(parca({ url: server.url, labels: { job: "app" }, headers: { Authorization: "Bearer t" } }));
  const [first, second] = await server.arrived(2);
  expect(first).toMatchObject({ path: "/api/profiles/writeraw", headers: { "content-type": "application/json", authorization: "Bearer t" } });
  const body = (await second!.body.json()) as { series: { samples: { rawProfile: string }[] }[] };
  expect(body).toEqual({
    series: [{ labels: { labels: [{ name: "__name__", value: "memory" }, { name: "job", value: "app" }] }, samples: [{ rawProfile: expect.any(String) }] }],
    normalized: true,
  });
  const { samples, proto } = await decodeProfile(Uint8Array.from(Buffer.from(body.series[0]!.samples[0]!.rawProfile, "base64")));
  expect(samples[0]!.values).toEqual([3, 24, 2, 16]);
  expect(proto.durationNanos).toBe(0);
});

describe("a server that does not take a profile", () => {
  test.each([408, 429, 500, 502, 503])("and answers %i is asked again before the interval is over", async (code) => {
    server.answers = [status(code)];
    start(undefined, { intervalMs: 800 });
    const [first, second] = await server.arrived(2);
    expect(second!.at - first!.at).toBeLessThan(700);
    expect(await allocated([first!, second!])).toEqual([1, 2]);
  });

  test.each([301, 400, 401, 404, 413, 422])("and answers %i is not: the profile is dropped, the next comes at its time", async (code) => {
    server.answers = [status(code, { Location: "/elsewhere" })];
    start(undefined, { intervalMs: 150, backoff: { minMs: 1, maxMs: 2 } });
    const received = await server.arrived(2);
    expect(received[1]!.at - received[0]!.at).toBeGreaterThan(130);
    expect(received[1]!.path).toBe("/ingest");
    expect(await allocated(received.slice(0, 2))).toEqual([1, 1]);
    expect(errors).toMatchObject([{ code: "ERR_PPROF_PUSH", message: expect.stringContaining(`answered ${code}`), cause: { message: "because" } }]);
  });

  test("is asked no sooner than it says", async () => {
    server.answers = [status(429, { "Retry-After": "1" })];
    start();
    const [first, second] = await server.arrived(2);
    expect(second!.at - first!.at).toBeGreaterThan(950);
  });

  test("is waited for longer each time, up to the bound", async () => {
    server.answers = Array.from({ length: 6 }, () => status(503));
    start(undefined, { intervalMs: 5, backoff: { minMs: 40, maxMs: 160 } });
    const received = await server.arrived(7);
    const waits = received.slice(1).map(({ at }, i) => at - received[i]!.at);
    [20, 40, 80, 80, 80, 80].forEach((least, i) => expect(waits[i]).toBeGreaterThan(least - 3));
  });

  test("is reported once in an outage, and again in the next", async () => {
    server.answers = [status(503), status(500), status(400), status(200), status(503), status(502)];
    start();
    await server.arrived(7);
    expect(errors.map(({ message }) => / answered (\d+)/.exec(message)![1])).toEqual(["503", "503"]);
  });
});

test("a server that is down is reported once; what was allocated meanwhile arrives when it is up, once", async () => {
  const { port } = server;
  await server[Symbol.asyncDispose]();
  start(pyroscope({ url: `http://127.0.0.1:${port}`, name: "app" }));
  while (source.taken < 6) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(errors).toMatchObject([{ code: "ERR_PPROF_PUSH", message: expect.stringContaining("no profile arrived") }]);
  server = await Collector.start(port);
  await server.arrived(3);
  await pusher.stop();
  const sum = (await allocated(server.received)).reduce((a, b) => a + b, 0);
  expect(sum).toBe(source.taken - 1);
  expect(errors).toHaveLength(1);
});

test("a server that never answers is given up in time, and one request is under way at most", async () => {
  server.answers = [(): void => undefined, (): void => undefined, (response): void => void response.writeHead(200).write("half an ans")];
  start(undefined, { timeoutMs: 60 });
  const received = await server.arrived(5);
  for (const i of [1, 2, 3]) expect(received[i]!.at - received[i - 1]!.at).toBeGreaterThan(55);
  expect(server.maxConcurrent).toBe(1);
  expect(errors).toMatchObject([{ cause: { name: "TimeoutError" } }]);
});

test("a source that fails is an outage too, and the loop goes on", async () => {
  const heapProfile = source.heapProfile.bind(source);
  source.heapProfile = () => {
    source.heapProfile = source.taken < 3 ? source.heapProfile : heapProfile;
    source.taken++;
    throw new Error("no heap yet");
  };
  start();
  const received = await server.arrived(2);
  expect(errors).toMatchObject([{ code: "ERR_PPROF_PUSH", cause: { message: "no heap yet" } }]);
  // There was nothing to count from: the first says nothing of allocations, the second of those since.
  expect(await allocated(received.slice(0, 2))).toEqual([0, 1]);
});

describe("stop", () => {
  test("sends what was not sent yet, once", async () => {
    start(undefined, { intervalMs: 3_600_000 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    source.taken = 9;
    await Promise.all([pusher.stop(), pusher.stop()]);
    expect(await allocated(server.received)).toEqual([9]);
  });

  test("waits for the request that is under way", async () => {
    let release = (): void => undefined;
    server.answers = [(response): void => void (release = () => response.end())];
    start();
    await server.arrived(1);
    let stopped = false;
    const stopping = pusher.stop().then(() => (stopped = true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(stopped).toBe(false);
    release();
    await stopping;
    expect(server.maxConcurrent).toBe(1);
    expect(await allocated(server.received)).toEqual([1, 1]);
  });

  test("ends a wait, tries once more, and never rejects", async () => {
    server.answers = [status(503), status(503)];
    start(undefined, { backoff: { minMs: 3_600_000, maxMs: 3_600_000 } });
    await server.arrived(1);
    await pusher.stop();
    expect(server.received).toHaveLength(2);
  });
});

test.each([{ intervalMs: 0 }, { timeoutMs: -1 }, { intervalMs: NaN }, { backoff: { minMs: 0, maxMs: 1 } }])("times that make no sense are refused: %j", (options) => {
  expect(() => startPush(source, pyroscope({ url: server.url, name: "a" }), { ...FAST, onError: () => undefined, ...options })).toThrow(expect.objectContaining({ code: "ERR_PPROF_OPTION" }));
  start();
});

test("a program that pushes ends when it is done", async () => {
  start();
  const program = `
    import { pyroscope, startPush } from "@mallocgc/pprof-export";
    startPush({ heapProfile: () => ({ records: [], rate: 1, timeMs: 1 }) }, pyroscope({ url: "http://127.0.0.1:9", name: "app" }), { onError() {} });
    console.log("done");`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=dev", "--input-type=module", "--eval", program], { cwd: import.meta.dirname, timeout: 12_000 });
  expect(stdout.trim()).toBe("done");
});
