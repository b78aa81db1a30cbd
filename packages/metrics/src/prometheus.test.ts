import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import parse from "parse-prometheus-text-format";
import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import type { Metric } from "./metric.ts";
import { registerPrometheus } from "./prometheus.ts";
import { figures } from "./testing/figures.ts";

/** What a scraper gets over HTTP, parsed. */
async function scrape(registry: Registry): Promise<Map<string, ReturnType<typeof parse>[number]>> {
  const server = createServer((_request, response) => {
    void registry.metrics().then((text) => response.setHeader("Content-Type", registry.contentType).end(text));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`);
    return new Map(parse(await response.text()).map((family) => [family.name, family]));
  } finally {
    server.close();
  }
}

test("a scrape has every figure, with its type, value and description", async () => {
  const registry = new Registry();
  registerPrometheus(registry, () => figures());
  const families = await scrape(registry);
  const told = [...families].filter(([, { type }]) => type !== "HISTOGRAM").map(([name, { type, metrics }]) => [name, type, metrics[0]!.value]);
  expect(told).toEqual([
    ["go_memstats_alloc_bytes", "GAUGE", "400"],
    ["go_memstats_alloc_bytes_total", "COUNTER", "800"],
    ["go_memstats_mallocs_total", "COUNTER", "107"],
    ["go_memstats_frees_total", "COUNTER", "57"],
    ["go_memstats_heap_alloc_bytes", "GAUGE", "400"],
    ["go_memstats_heap_inuse_bytes", "GAUGE", "1400"],
    ["go_memstats_next_gc_bytes", "GAUGE", "+Inf"],
    ["mallocgc_cpu_classes_gc_pause_cpu_seconds_total", "COUNTER", "0.25"],
    ["mallocgc_gc_heap_allocs_bytes_total", "COUNTER", "800"],
    ["mallocgc_gc_heap_allocs_objects_total", "COUNTER", "100"],
    ["mallocgc_gc_heap_frees_objects_total", "COUNTER", "50"],
    ["mallocgc_gc_heap_goal_bytes", "GAUGE", "+Inf"],
    ["mallocgc_gc_heap_tiny_allocs_objects_total", "COUNTER", "7"],
    ["mallocgc_memory_classes_heap_objects_bytes", "GAUGE", "400"],
    ["mallocgc_memory_classes_heap_unused_bytes", "GAUGE", "1000"],
  ]);
  expect(families.get("mallocgc_gc_heap_allocs_bytes_total")!.help).toBe("what /gc/heap/allocs:bytes is");
});

test("histograms have fewer buckets, none of the counts lost, and their exact sums", async () => {
  const registry = new Registry();
  registerPrometheus(registry, () => figures());
  const families = await scrape(registry);
  expect(families.get("mallocgc_gc_heap_allocs_by_size_bytes")!.metrics).toEqual([{ buckets: { "8": "100", "24": "100", "+Inf": "100" }, count: "100", sum: "800" }]);
  expect(families.get("mallocgc_gc_pauses_seconds")!.metrics).toEqual([{ buckets: { "6.3e-8": "1", "9.99e-7": "7", "+Inf": "31" }, count: "31", sum: "0.25" }]);
});

test("OpenMetrics text names counters as that format wants them", async () => {
  const registry = new Registry();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
  registerPrometheus(registry, () => figures());
  const text = await registry.metrics();
  expect(text).toMatch(/^# TYPE mallocgc_gc_heap_allocs_bytes counter\nmallocgc_gc_heap_allocs_bytes_total 800$/m);
  expect(text).not.toContain("_total_total");
});

test("each scrape is one look, and the next one a new look", async () => {
  const registry = new Registry();
  let looks = 0;
  registerPrometheus(registry, () => figures(2 * ++looks));
  for (const objects of [4, 6]) {
    const families = await scrape(registry);
    const of = (name: string): number => Number(families.get(name)!.metrics[0]!.value);
    expect([of("mallocgc_gc_heap_allocs_objects_total"), of("mallocgc_memory_classes_heap_objects_bytes")]).toEqual([objects, objects * 4]);
  }
});

test("a source that fails spoils no scrape, and is told of once until it works again", async () => {
  const registry = new Registry();
  const told: unknown[] = [];
  let error: Error | undefined;
  registerPrometheus(registry, () => { if (error !== undefined) throw error; return figures(); }, { onError: (e) => told.push(e) });
  const values = async (): Promise<number> => [...(await scrape(registry)).values()].filter(({ metrics }) => metrics.length > 0).length;
  const all = await values();
  error = new Error("left");
  expect([await values(), await values(), told]).toEqual([0, 0, [error]]);
  error = undefined;
  expect(await values()).toBe(all);
  error = new Error("left again");
  expect([await values(), told.length]).toEqual([0, 2]);
});

test("after stop the registry is as before, and another heap can be registered", async () => {
  const registry = new Registry();
  registerPrometheus(registry, () => figures())();
  expect(registry.getMetricsAsArray()).toEqual([]);
  registerPrometheus(registry, () => figures(2));
  expect(await registry.metrics()).toContain("mallocgc_gc_heap_allocs_objects_total 2");
});

describe("wrong input is a clear error:", () => {
  const source = (): Metric[] => figures();
  test.each([undefined, null, 5, {}, "registry"])("a registry that is %o", (registry) => {
    expect(() => registerPrometheus(registry as never, source)).toThrow(expect.objectContaining({ name: "MetricsError", code: "ERR_METRICS_REGISTRY" }));
  });
  test.each([undefined, [], 5, () => 5, () => [5], () => [{ name: "x", kind: "uint64", value: 1 }], () => [{ ...figures()[0]!, value: "1" }], () => [{ ...figures()[1]!, counts: [] }], () => { throw new Error("no"); }])("a source that is %s", (source) => {
    const registry = new Registry();
    expect(() => registerPrometheus(registry, source as never)).toThrow(expect.objectContaining({ name: "MetricsError", code: "ERR_METRICS_SOURCE" }));
    expect(registry.getMetricsAsArray()).toEqual([]);
  });
  test("a name that is taken; nothing is registered", () => {
    const registry = new Registry();
    registerPrometheus(registry, () => figures().slice(-1));
    expect(() => registerPrometheus(registry, source)).toThrow(expect.objectContaining({ code: "ERR_METRICS_NAME", message: expect.stringContaining("mallocgc_memory_classes_heap_unused_bytes") as string }));
    expect(registry.getMetricsAsArray()).toHaveLength(1);
  });
});
