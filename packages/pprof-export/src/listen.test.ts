import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { listen, type ListenOptions, type PprofServer } from "./listen.ts";
import { goldenProfile } from "./testing/profiles.ts";

const run = promisify(execFile);
const source = { heapProfile: goldenProfile };

let server: PprofServer | undefined;
afterEach(() => server?.close());

async function start(options: ListenOptions = {}): Promise<PprofServer> {
  return (server = await listen(source, { port: 0, ...options }));
}

/** The status of a request as it stands, and the whole answer. fetch would not send such a Host. */
async function raw(port: number, text: string): Promise<{ status: number; answer: string }> {
  const socket = connect(port, "127.0.0.1");
  socket.write(text.replaceAll("\n", "\r\n"));
  let answer = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => (answer += chunk));
  await once(socket, "close");
  return { status: Number(answer.split(" ")[1]), answer };
}

const asked = async (port: number, host: string, path = "/debug/pprof/heap"): Promise<number> => (await raw(port, `GET ${path} HTTP/1.1\nHost: ${host}\nConnection: close\n\n`)).status;

test("it serves Go's paths on loopback, at a port that it names", async () => {
  const { url, port } = await start();
  expect(url).toBe(`http://127.0.0.1:${port}/debug/pprof/`);
  const response = await fetch(`${url}heap`);
  expect([response.status, response.headers.get("content-disposition")]).toEqual([200, 'attachment; filename="heap"']);
  expect(await (await fetch(url)).text()).toContain("Types of profiles available:");
  expect((await fetch(`${url}heap`, { method: "POST", body: "x" })).status).toBe(405);
});

describe("requests for another host are refused", () => {
  test.each([
    ["evil.example", 403], ["evil.example:80", 403], ["localhost.evil.example", 403], ["127.0.0.1.evil.example", 403], ["10.0.0.1", 403], ["[fe80::1]", 403], ["0.0.0.0", 403],
    ["a@evil.example", 400], ["127.0.0.1@evil.example", 400], ["127.0.0.1/evil.example", 400], ["evil.example\\@127.0.0.1", 400], ["127.0.0.1#.evil.example", 400],
    ["localhost", 200], ["LOCALHOST:6060", 200], ["127.0.0.1", 200], ["127.8.8.8:1", 200], ["[::1]:6060", 200],
    ["", 400], ["a b", 400], ["[", 400],
  ])("Host: %s gives %i", async (host, status) => {
    const { port } = await start();
    expect(await asked(port, host)).toBe(status);
  });

  test.each([["http://evil.example/debug/pprof/heap", 400], ["//evil.example/debug/pprof/heap", 404], ["/debug/pprof/../../debug/pprof/heap", 200]])("a path of %s gives %i", async (path, status) => {
    const { port } = await start();
    expect(await asked(port, "localhost", path)).toBe(status);
  });

  test("no host and a path that would be taken for one are refused", async () => {
    const { port } = await start();
    expect(await asked(port, "", "//127.0.0.1/debug/pprof/heap")).toBe(400);
  });

  test("unless it is given as one of ours", async () => {
    const { port } = await start({ hosts: ["Profiles.internal", "10.0.0.1"] });
    expect(await asked(port, "profiles.internal:6060")).toBe(200);
    expect(await asked(port, "10.0.0.1")).toBe(200);
    expect(await asked(port, "other.internal")).toBe(403);
  });
});

describe("with a token", () => {
  const TOKEN = "correct-horse";
  test.each([
    [undefined, 401, 'Bearer realm="pprof"'],
    [`Basic ${TOKEN}`, 401, 'Bearer realm="pprof"'],
    ["Bearer ", 401, 'Bearer realm="pprof"'],
    ["Bearer wrong", 401, 'Bearer realm="pprof", error="invalid_token"'],
    [`Bearer ${TOKEN}x`, 401, 'Bearer realm="pprof", error="invalid_token"'],
    [`Bearer ${TOKEN.slice(1)}`, 401, 'Bearer realm="pprof", error="invalid_token"'],
    [`Bearer ${TOKEN}`, 200, null],
    [`bearer ${TOKEN}`, 200, null],
  ])("%s gives %i", async (authorization, status, challenge) => {
    const { url } = await start({ token: TOKEN });
    const response = await fetch(`${url}heap`, authorization === undefined ? {} : { headers: { Authorization: authorization } });
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([status, challenge]);
  });

  test("a foreign host is told so first, and does not learn whether a token is right", async () => {
    const { port } = await start({ token: TOKEN });
    expect(await asked(port, "evil.example")).toBe(403);
  });

  test.each(["", "with space", "naïve"])("one that no header carries is refused: %j", async (token) => {
    await expect(listen(source, { port: 0, token })).rejects.toMatchObject({ code: "ERR_PPROF_OPTION" });
  });
});

test("an address that is taken, and a port that is none, are clear errors", async () => {
  const { port } = await start();
  await expect(listen(source, { port })).rejects.toMatchObject({ code: "ERR_PPROF_LISTEN", cause: { code: "EADDRINUSE" } });
  for (const wrong of [-1, 65536, 1.5, NaN]) await expect(listen(source, { port: wrong })).rejects.toMatchObject({ code: "ERR_PPROF_OPTION" });
});

test("close ends requests that wait", async () => {
  const { url, close } = await start();
  const waiting = fetch(`${url}heap?seconds=3600`).then(() => "answered", () => "ended");
  await new Promise((resolve) => setTimeout(resolve, 50));
  await close();
  expect(await waiting).toBe("ended");
});

test("a program that listens, and has an open connection, ends when it is done", async () => {
  const program = `
    import { connect } from "node:net";
    import { listen } from "@mallocgc/pprof-export";
    const server = await listen({ heapProfile: () => ({ records: [], rate: 1, timeMs: 1 }) }, { port: 0 });
    connect(server.port, "127.0.0.1").unref().write("GET /debug/pprof/heap?seconds=600 HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n");
    setTimeout(() => console.log("done"), 100);`;
  const { stdout } = await run(process.execPath, ["--conditions=dev", "--input-type=module", "--eval", program], { cwd: import.meta.dirname, timeout: 20_000 });
  expect(stdout.trim()).toBe("done");
});
