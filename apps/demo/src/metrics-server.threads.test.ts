import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import parse from "parse-prometheus-text-format";
import { expect, test } from "vitest";

test("a scrape of the demo while it waits for a question parses, and its figures add up", async () => {
  const main = join(import.meta.dirname, "main.ts");
  const demo = spawn(process.execPath, ["--conditions=dev", main, import.meta.dirname, "--workers", "2", "--max-bytes", "64MiB", "--metrics", "0", "--watch", "0"]);
  let told = "";
  const exit = once(demo, "exit");
  demo.stderr.on("data", (data) => { told += String(data); });
  let shown = "";
  demo.stdout.on("data", (data) => { shown += String(data); });
  const until = async (there: () => boolean): Promise<void> => {
    while (!there()) await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), exit.then(() => { throw new Error(`the demo ended: ${told}`); })]);
  };
  await until(() => /http:\S+\/metrics\n/.test(told) && shown.includes("files"));
  const [url] = /http:\S+\/metrics/.exec(told)!;
  const answer = await fetch(url);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
  const families = new Map(parse(await answer.text()).map((family) => [family.name, family]));
  const of = (name: string): number => Number(families.get(name)!.metrics[0]!.value);
  expect(of("go_memstats_heap_alloc_bytes")).toBeGreaterThan(50_000);
  expect(of("go_memstats_heap_sys_bytes")).toBe(of("go_memstats_heap_inuse_bytes") + of("go_memstats_heap_idle_bytes"));
  expect(of("go_memstats_heap_objects")).toBe(of("go_memstats_mallocs_total") - of("go_memstats_frees_total"));
  const pauses = families.get("mallocgc_gc_pauses_seconds")!.metrics[0]!;
  expect(Number(pauses.count)).toBe(Number(pauses.buckets!["+Inf"]));
  expect((await fetch(url.replace("/metrics", "/"))).status).toBe(404);
  demo.stdin.end();
  expect((await exit)[0], told).toBe(0);
});
