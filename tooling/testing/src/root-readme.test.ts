import { test } from "vitest";
import { runReadmeExample } from "./readme-example.ts";

test("the example of the project's README runs as printed", async () => {
  await runReadmeExample(new URL("../../../README.md", import.meta.url));
});
