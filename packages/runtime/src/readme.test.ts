import { runReadmeExample } from "@mallocgc/testing";
import { test } from "vitest";

test("the example of the README runs as printed", async () => {
  await runReadmeExample(new URL("../README.md", import.meta.url));
});
