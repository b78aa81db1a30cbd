import { runReadmeExample } from "@mallocgc/testing";
import { test } from "vitest";

test("the README's example runs as it stands", async () => {
  await runReadmeExample(new URL("../README.md", import.meta.url));
});
