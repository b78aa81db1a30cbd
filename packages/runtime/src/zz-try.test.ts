import { test } from "vitest";
import { Explorer } from "./testing/scheduler-explorer.ts";
test("try", () => {
  const t = performance.now();
  const e = new Explorer();
  console.log("made", performance.now() - t);
  const f = e.explore(Number(process.env.SEED ?? 1), { ms: 8000 });
  console.log(e.runs, performance.now() - t, f?.seed, f?.what, f?.trace.join("\n"));
}, 100000);
