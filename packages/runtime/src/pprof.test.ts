import { pprofHandler } from "@mallocgc/pprof-export";
import { expect, test } from "vitest";
import { createHeap } from "./index.ts";
import { profileSource } from "./pprof.ts";

test.each([true, false])("a heap with gc: %s is served as Go's handler serves its own", async (gc) => {
  const heap = createHeap({ gc, gcWorkers: 0, maxBytes: 16 << 20, memProfileRate: 1 });
  const site = { served: () => heap.mallocgc(100) };
  for (let i = 0; i < 10; i++) site.served();
  const handler = pprofHandler(profileSource(heap));
  const response = await handler(new Request("http://localhost/debug/pprof/heap?debug=1&gc=1"));
  expect(response.status).toBe(200);
  const text = await response.text();
  expect(text).toMatch(gc ? /^heap profile: 0: 0 \[10: 1120\] @ heap\/2/ : /^heap profile: 10: 1120 \[10: 1121\] @ heap\/2/);
  expect(text).toContain("served");
  heap.close();
});
