/** The real `go tool pprof` reads what we write. Where there is no Go, the other tests decode with pprof-format alone. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { goAvailable } from "@mallocgc/go-oracle";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { deltaProfile } from "./delta.ts";
import { legacyText } from "./legacy-text.ts";
import { listen, type PprofServer } from "./listen.ts";
import { encodeProfile } from "./profile-proto.ts";
import type { HeapProfile } from "./records.ts";
import { BUILD, MAIN, POSTING, goldenProfile, record } from "./testing/profiles.ts";
import { unsampleProfile } from "./unsample.ts";

const run = promisify(execFile);
const go = goAvailable();
if (!go) console.log("profiles are not read with go tool pprof: Go is not installed");

/** Rate 1: figures are what they are. */
const BEFORE: HeapProfile = { records: [record([POSTING, BUILD, MAIN], 4, 4096, 1, 1024), record([BUILD, MAIN], 2, 1 << 20)], rate: 1, timeMs: 1_790_000_000_000 };
const AFTER: HeapProfile = { records: [record([POSTING, BUILD, MAIN], 10, 10240, 1, 1024), record([BUILD, MAIN], 2, 1 << 20, 1, 1 << 19)], rate: 1, timeMs: 1_790_000_010_000 };

describe.skipIf(!go)("go tool pprof", { timeout: 120_000 }, () => {
  let folder: string;
  let server: PprofServer;
  let served: HeapProfile[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "pprof-"));
    server = await listen({ heapProfile: () => served.shift() ?? AFTER }, { port: 0 });
    await save("before.pb.gz", await encodeProfile(unsampleProfile(BEFORE)));
    await save("after.pb.gz", await encodeProfile(unsampleProfile(AFTER)));
    await save("golden.pb.gz", await encodeProfile(unsampleProfile(goldenProfile())));
    await save("golden.txt", legacyText(goldenProfile()));
  }, 120_000);
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  const save = (name: string, content: string | Uint8Array): Promise<void> => writeFile(join(folder, name), content);
  const env = (): NodeJS.ProcessEnv => ({ ...process.env, GOTOOLCHAIN: "local", PPROF_TMPDIR: folder, PPROF_BINARY_PATH: folder });
  /** Its output; a warning is a failure. Of the text form it says, as it does of Go's, that it has no binary. */
  const pprof = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await run("go", ["tool", "pprof", ...args], { cwd: folder, env: env() });
    expect(stderr.replace(/^(Fetching profile .*|Saved profile .*|Please wait.*|Main binary filename not available\.)\n/gm, "")).toBe("");
    return stdout;
  };

  test("-top names functions and says what is in use", async () => {
    const top = await pprof("-top", "after.pb.gz");
    expect(top).toMatch(/Type: inuse_space/);
    expect(top).toMatch(/521kB, 100% of 521kB total/);
    expect(top).toMatch(/512kB 98\.27% 98\.27%\s+521kB\s+100%\s+buildIndex/);
    expect(top).toMatch(/9kB\s+1\.73%\s+100%\s+9kB\s+1\.73%\s+addPosting/);
  });

  test.each([
    ["inuse_space", ["-unit=B"], `${9216 + (1 << 19)}B`], ["inuse_objects", [], "10"], ["alloc_space", ["-unit=B"], `${10240 + (1 << 20)}B`], ["alloc_objects", [], "12"],
  ])("-sample_index=%s has the right sum", async (index, unit, sum) => {
    expect(await pprof("-top", ...unit, `-sample_index=${index}`, "after.pb.gz")).toContain(` of ${sum} total`);
  });

  test("-lines shows our files and lines, -raw columns, and -list the source where it is", async () => {
    expect(await pprof("-top", "-lines", "after.pb.gz")).toMatch(/addPosting \/app\/src\/index\.ts:40/);
    expect(await pprof("-raw", "after.pb.gz")).toMatch(/addPosting \/app\/src\/index\.ts:40:11/);
    const here = { functionName: "allocateHere", fileName: import.meta.url, line: 1, column: 1 };
    await save("here.pb.gz", await encodeProfile(unsampleProfile({ records: [record([here], 1, 8)], rate: 1, timeMs: 1 })));
    expect(await pprof("-list=allocateHere", "here.pb.gz")).toContain("The real `go tool pprof` reads what we write.");
  });

  test("-traces shows stacks, innermost first, with the label of the object's size", async () => {
    expect(await pprof("-traces", "after.pb.gz")).toMatch(/bytes:\s+1kB\n\s+9kB\s+addPosting\n\s+buildIndex\n\s+main\n/);
  });

  test("-tags shows threads", async () => {
    expect(await pprof("-tags", "golden.pb.gz")).toMatch(/thread: Total 1\.50MB[^]*worker 1/);
  });

  test("-diff_base and our own difference agree", async () => {
    const theirs = await pprof("-top", "-unit=B", "-diff_base=before.pb.gz", "after.pb.gz");
    await save("delta.pb.gz", await encodeProfile(deltaProfile(unsampleProfile(BEFORE), unsampleProfile(AFTER))));
    const ours = await pprof("-top", "-unit=B", "delta.pb.gz");
    const rows = (text: string): string[] => [...text.matchAll(/^\s*(-?\d+B).*\s(\w+)$/gm)].map(([, flat, name]) => `${name} ${flat}`).sort();
    expect(rows(theirs)).toEqual(["addPosting 6144B", "buildIndex -524288B"]);
    expect(rows(ours)).toEqual(rows(theirs));
  });

  test("the text form has the same figures, scaled by pprof itself", async () => {
    for (const index of ["inuse_space", "inuse_objects", "alloc_space", "alloc_objects"]) {
      const total = async (file: string): Promise<string> => / of (\S+) total/.exec(await pprof("-top", "-unit=B", `-sample_index=${index}`, file))![1]!;
      expect(await total("golden.txt")).toBe(await total("golden.pb.gz"));
    }
    expect(await pprof("-raw", "golden.txt")).toMatch(/PeriodType: space bytes\nPeriod: 524288\n/);
  });

  test("it fetches over HTTP: heap, allocs with its default sample type, and a difference", async () => {
    expect(await pprof("-top", `${server.url}heap`)).toMatch(/Type: inuse_space[^]*buildIndex/);
    expect(await pprof("-top", `${server.url}allocs`)).toMatch(/Type: alloc_space[^]*buildIndex/);
    served = [BEFORE, AFTER];
    expect(await pprof("-top", "-unit=B", "-seconds=1", `${server.url}heap`)).toMatch(/Duration: 10s[^]* -524288B .*buildIndex\n\s+6144B .*addPosting/);
  });

  test("its web page has a flame graph of our functions", async () => {
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    const child = spawn("go", ["tool", "pprof", `-http=127.0.0.1:${port}`, "-no_browser", "after.pb.gz"], { cwd: folder, env: env(), stdio: ["ignore", "pipe", "pipe"], detached: true });
    try {
      let said = "";
      for await (const chunk of child.stderr) {
        said += String(chunk);
        if (said.includes("Serving web UI")) break;
      }
      const page = await vi.waitFor(async () => (await fetch(`http://127.0.0.1:${port}/ui/flamegraph`)).text(), { timeout: 20_000 });
      for (const name of ["addPosting", "buildIndex", "main"]) expect(page).toContain(name);
    } finally {
      // go runs the tool as a child of its own.
      process.kill(-child.pid!, "SIGKILL");
      await once(child, "close");
    }
  });
});
