import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";

test("a worker that a test starts loads TypeScript sources under the condition dev", async () => {
  const worker = new Worker(new URL("./testing/dev-condition-worker.ts", import.meta.url));
  const [resolved] = (await once(worker, "message")) as [string];
  expect(resolved).toMatch(/packages\/sysmem\/src\/index\.ts$/);
  await worker.terminate();
});
