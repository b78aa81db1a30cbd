import { DataPointType, MeterProvider, MetricReader, type MetricData } from "@opentelemetry/sdk-metrics";
import { describe, expect, test } from "vitest";
import { registerOpenTelemetry } from "./opentelemetry.ts";
import { figures } from "./testing/figures.ts";

class Reader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }

  /** What the SDK has collected: name, unit, whether it is a sum that only grows, value. */
  async read(): Promise<unknown[][]> {
    const { resourceMetrics, errors } = await this.collect();
    expect(errors).toEqual([]);
    return resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics).map((m: MetricData) => [
      m.descriptor.name, m.descriptor.unit, m.dataPointType === DataPointType.SUM ? m.isMonotonic : undefined, m.dataPoints[0]?.value,
    ]);
  }
}

function scene(): { reader: Reader; meter: ReturnType<MeterProvider["getMeter"]> } {
  const reader = new Reader();
  return { reader, meter: new MeterProvider({ readers: [reader] }).getMeter("mallocgc") };
}

test("the SDK reads every figure that is finite: counters that only grow, gauges, counts and sums of distributions", async () => {
  const { reader, meter } = scene();
  registerOpenTelemetry(meter, () => figures());
  expect(await reader.read()).toEqual([
    ["mallocgc.cpu.classes.gc.pause.cpu_seconds", "s", true, 0.25],
    ["mallocgc.gc.heap.allocs_by_size.bytes.count", "{value}", true, 100],
    ["mallocgc.gc.heap.allocs_by_size.bytes.sum", "By", true, 800],
    ["mallocgc.gc.heap.allocs.bytes", "By", true, 800],
    ["mallocgc.gc.heap.allocs.objects", "{objects}", true, 100],
    ["mallocgc.gc.heap.frees.objects", "{objects}", true, 50],
    ["mallocgc.gc.heap.tiny.allocs.objects", "{objects}", true, 7],
    ["mallocgc.gc.pauses.seconds.count", "{value}", true, 31],
    ["mallocgc.gc.pauses.seconds.sum", "s", true, 0.25],
    ["mallocgc.memory.classes.heap.objects.bytes", "By", undefined, 400],
    ["mallocgc.memory.classes.heap.unused.bytes", "By", undefined, 1000],
  ]);
});

test("each collection is one look; after stop there is none", async () => {
  const { reader, meter } = scene();
  let looks = 0;
  const stop = registerOpenTelemetry(meter, () => figures(2 * ++looks));
  for (const objects of [4, 6]) {
    const of = new Map((await reader.read()).map(([name, , , value]) => [name, value]));
    expect([of.get("mallocgc.gc.heap.allocs.objects"), of.get("mallocgc.memory.classes.heap.objects.bytes")]).toEqual([objects, objects * 4]);
  }
  stop();
  await reader.read();
  expect(looks).toBe(3);
});

describe("wrong input is a clear error:", () => {
  test.each([undefined, 5, {}])("a meter that is %o", (meter) => {
    expect(() => registerOpenTelemetry(meter as never, () => figures())).toThrow(expect.objectContaining({ name: "MetricsError", code: "ERR_METRICS_METER" }));
  });
  test("a source that is none", () => {
    expect(() => registerOpenTelemetry(scene().meter, 5 as never)).toThrow(expect.objectContaining({ code: "ERR_METRICS_SOURCE" }));
  });
});
