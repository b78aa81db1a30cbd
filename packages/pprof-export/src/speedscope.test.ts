import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { speedscopeFile } from "./speedscope.ts";
import { frame, goldenProfile, record } from "./testing/profiles.ts";
import { unsampleProfile } from "./unsample.ts";

const schema = JSON.parse(readFileSync(createRequire(import.meta.url).resolve("speedscope/dist/release/file-format-schema.json"), "utf8"));
const validate = new Ajv({ strict: false }).compile(schema);

test("a file keeps to the schema that speedscope publishes, which refuses what does not", () => {
  const file = JSON.parse(JSON.stringify(speedscopeFile(unsampleProfile(goldenProfile()), "demo"))) as { profiles: { weights?: number[] }[] };
  expect(validate(file), JSON.stringify(validate.errors)).toBe(true);
  delete file.profiles[0]!.weights;
  expect(validate(file)).toBe(false);
});

test("four profiles share the frames; bytes in use are shown first, outermost call first", () => {
  const file = speedscopeFile(unsampleProfile(goldenProfile()), "demo");
  expect(file.profiles.map(({ name, unit, endValue }) => [name, unit, endValue])).toEqual([
    ["alloc_objects", "none", 2052], ["alloc_space", "bytes", 2099200 + 2 * 829411], ["inuse_objects", "none", 1538], ["inuse_space", "bytes", 1574400 + 829411],
  ]);
  const shown = file.profiles[file.activeProfileIndex]!;
  expect(shown.name).toBe("inuse_space");
  expect(shown.samples.map((stack) => stack.map((i) => file.shared.frames[i]!.name))).toEqual([["main", "buildIndex", "addPosting"], ["main"]]);
  expect(shown.weights).toEqual([1574400, 829411]);
  expect(file.shared.frames[0]).toEqual({ name: "addPosting", file: "/app/src/index.ts", line: 40, col: 11 });
});

test("a line that is not known is left out", () => {
  const file = speedscopeFile(unsampleProfile({ records: [record([frame("f", 0, 0, "x.ts")], 1, 8)], rate: 1, timeMs: 1 }));
  expect(file.shared.frames).toEqual([{ name: "f", file: "x.ts" }]);
});
