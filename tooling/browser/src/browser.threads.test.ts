import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startChromium } from "./chromium.ts";
import { readGuide } from "./guide.ts";
import { HOLD_MS, type Locks } from "./pages/locks.ts";
import type { Collected } from "./pages/collected.ts";
import type { OneThread } from "./pages/one-thread.ts";
import type { ThreeThreads, ThreeThreadsJob } from "./pages/three-threads.ts";
import { type Site, type SiteOptions, ROOT_FOLDER, openSite } from "./site.ts";

const guide = readGuide(await readFile(join(ROOT_FOLDER, "docs/browser.md"), "utf8"));
const ISOLATED: SiteOptions = { headers: guide.headers, names: "rewritten" };
const PLAIN: SiteOptions = { headers: {}, names: "import map" };

const started = await startChromium();
const browser = "reason" in started ? undefined : started;
const missing = "reason" in started ? started : undefined;
if (missing !== undefined) console.log(`browser: no tests, since Chromium did not start: ${missing.reason}`);
if (missing?.isFailure === true) {
  test("Chromium starts on CI", () => {
    throw new Error(missing.reason);
  });
}

// The reason stands in the name, for that is what the gate shows of a test that was skipped.
const suite = "the packages as built, in a browser" + (missing === undefined ? "" : ` (${missing.reason})`);

describe.skipIf(missing !== undefined)(suite, () => {
  beforeAll(async () => {
    // Runtime's references are all the layers.
    await promisify(execFile)(join(ROOT_FOLDER, "node_modules/.bin/tsc"), ["-b", "packages/runtime/tsconfig.build.json"], { cwd: ROOT_FOLDER });
  });
  afterAll(async () => {
    await browser?.close();
  });

  /** Opens a page of a new site, lets `use` work with it, and fails when the site refused anything or the page complained of something. */
  async function visit(options: SiteOptions, path: string, use: (page: Page, site: Site) => Promise<void>): Promise<string[]> {
    const site = await openSite(options);
    const page = await browser!.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => complaints.push(message.text()));
    try {
      await page.goto(site.origin + path);
      await use(page, site).catch((error: unknown) => {
        const said = [...site.refused, ...complaints];
        throw said.length === 0 ? error : new Error(`the page failed, and said\n${said.join("\n")}`, { cause: error });
      });
      return [...site.refused, ...complaints];
    } finally {
      await page.close();
      await site.close();
    }
  }

  /** What `run(job)` of a page program returns. As a string, since the code that a test passes on was transformed by the test runner. */
  function runInPage<T>(page: Page, program: string, job: unknown = null): Promise<T> {
    return page.evaluate<T>(`import("/pages/${program}").then(({ run }) => run(${JSON.stringify(job)}))`);
  }

  test("a page and two workers allocate and free on one heap at once; the page meets taken locks, never sleeps, and the heap is sound", async () => {
    const job: ThreeThreadsJob = { seed: randomInt(2 ** 31), ms: 3000, minLooks: 100, maxMs: 30_000 };
    console.log(`browser: three threads, seed ${job.seed}`);
    const complaints = await visit(ISOLATED, "/", async (page) => {
      const result = await runInPage<ThreeThreads>(page, "three-threads.ts", job);
      const { played, stats } = result;
      const sum = (key: "allocated" | "freed" | "foreign"): number => played.reduce((n, p) => n + p[key], 0);
      console.log(`browser: ${played.map(({ steps }) => steps).join(" + ")} steps, ${sum("foreign")} foreign frees, ${result.waited.looks} looks at taken locks`);

      expect(result.isolated).toBe(true);
      expect(result.verified.broken).toEqual([]);
      expect(result.verified.ok).toBe(true);
      for (const { steps, foreign } of played) {
        expect(steps).toBeGreaterThan(1000);
        expect(foreign).toBeGreaterThan(50);
      }
      expect(result.waited.looks, "the page met locks that others held").toBeGreaterThanOrEqual(job.minLooks);
      expect(result.waited.sleeps).toBe(0);

      // One more than the players' blocks: the table.
      expect(stats.Mallocs).toBe(sum("allocated") + 1);
      expect(stats.Frees).toBe(sum("freed") + 1);
      expect(sum("allocated")).toBe(sum("freed"));
      expect({ objects: stats.HeapObjects, bytes: stats.HeapAlloc, inUse: stats.HeapInuse }).toEqual({ objects: 0, bytes: 0, inUse: 0 });
      expect(stats.HeapSys).toBe(stats.HeapIdle + stats.HeapInuse);

      expect(result.osBackend).toBe("none");
      expect(result.freedToOS).toBe(0);
      expect(result.releasedAfter).toBe(result.releasedBefore);
      expect(result.releasedAfter, "what was touched is not claimed").toBeLessThan(stats.HeapIdle);
    });
    expect(complaints).toEqual([]);
  });

  test("the page's main thread waits for a lock without sleeping, gives up in time, and wakes a worker that sleeps", async () => {
    const complaints = await visit(ISOLATED, "/", async (page) => {
      const result = await runInPage<Locks>(page, "locks.ts");
      expect(result.waitThrows, "Atomics.wait is not allowed there").toBe("TypeError");
      expect(result.waitedMs).toBeGreaterThan(HOLD_MS * 0.5);
      expect(result.waitedMs).toBeLessThan(10_000);
      expect(result.looks).toBeGreaterThan(100);
      expect(result.sleeps).toBe(0);
      expect(result.timeout.code).toBe("ERR_LOCK_TIMEOUT");
      expect(result.timeout.message).toContain("held by owner 3");
      expect(result.workerGotIt).toBe(true);
    });
    expect(complaints).toEqual([]);
  });

  test("without isolation createHeap says what to do, and a heap for one thread works; an import map is all it needs", async () => {
    const seed = randomInt(2 ** 31);
    const complaints = await visit(PLAIN, "/", async (page) => {
      const result = await runInPage<OneThread>(page, "one-thread.ts", { seed, steps: 30_000 });
      expect(result.isolated).toBe(false);
      expect(result.shared.code).toBe("ERR_NOT_SHAREABLE");
      expect(result.shared.message).toMatch(/COOP: same-origin, COEP: require-corp/);
      expect(result.handle.code).toBe("ERR_NOT_SHAREABLE");
      expect(result.handle.message).toMatch(/shared: false/);
      expect(result.verified.broken, `seed ${seed}`).toEqual([]);
      expect(result.played.allocated).toBeGreaterThan(5000);
      expect(result.stats.Mallocs).toBe(result.played.allocated + 1);
      expect(result.stats.HeapObjects).toBe(0);
      expect([result.osBackend, result.freedToOS]).toEqual(["none", 0]);
    });
    expect(complaints).toEqual([]);
  });

  test("a page's typed objects are collected by a background worker, and what is rooted stays", async () => {
    const complaints = await visit(ISOLATED, "/", async (page) => {
      const { workers, cycles, kept, left, stale, verified } = await page.evaluate<Collected>('import("/pages/collected.ts").then(({ run }) => run())');
      expect(workers).toBe(1);
      expect(cycles).toBeGreaterThan(0);
      expect(kept).toBe(1000);
      expect(left).toBe(1000);
      expect(stale).toBe("nil");
      expect(verified.broken).toEqual([]);
    });
    expect(complaints).toEqual([]);
  });

  test("the guide's page and worker do what the guide says, with the headers that it names", async () => {
    const complaints = await visit({ ...ISOLATED, files: guide.files }, "/index.html", async (page) => {
      expect(await page.locator("#answer:not(:empty)").textContent({ timeout: 20_000 })).toBe(guide.shows);
    });
    expect(complaints).toEqual([]);
  });

  test("a page loads runtime and the eight layers below it, and nothing else", async () => {
    const complaints = await visit(PLAIN, "/", async (page, site) => {
      await page.evaluate('import("@mallocgc/runtime")');
      const files = [...site.served.values()];
      const layers = [...new Set(files.map(({ path }) => path.split("/")[2]!))].sort();
      expect(layers).toEqual(["gc", "mcache", "mcentral", "mheap", "mspan", "runtime", "scavenger", "sizeclass", "sysmem"]);
      const kib = (key: "bytes" | "gzipBytes", of = files): string => (of.reduce((n, file) => n + file[key], 0) / 1024).toFixed(1);
      for (const layer of layers) {
        const of = files.filter(({ path }) => path.startsWith(`/@mallocgc/${layer}/`));
        console.log(`browser: ${layer.padEnd(10)} ${String(of.length).padStart(3)} files ${kib("bytes", of).padStart(6)} KiB, gzip ${kib("gzipBytes", of).padStart(5)} KiB`);
      }
      console.log(`browser: in all    ${String(files.length).padStart(3)} files ${kib("bytes").padStart(6)} KiB, gzip ${kib("gzipBytes").padStart(5)} KiB`);
    });
    expect(complaints).toEqual([]);
  });

  for (const [how, program] of [
    ["an import declaration", 'import "node:fs"; export const run = () => "got it";'],
    ["import()", 'export const run = () => import("node:fs").then(() => "got it", () => "failed in silence");'],
    ["import() of a computed name", 'const name = ["node", "fs"].join(":"); export const run = () => import(name).then(() => "got it", () => "failed in silence");'],
  ] as const) {
    test(`these tests notice a node: module asked for by ${how}`, async () => {
      const complaints = await visit({ ...PLAIN, files: { "/program.js": program } }, "/", async (page) => {
        expect(await page.evaluate('import("/program.js").then(({ run }) => run()).catch(() => "did not load")')).not.toBe("got it");
      });
      expect(complaints.join()).toMatch(/node:fs/);
    });
  }
});
