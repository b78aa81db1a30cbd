import { expect, it } from "vitest";
import { parseOptions } from "./options.ts";

it("takes its arguments with or without the `--` that pnpm leaves in front", () => {
  for (const front of [[], ["--"]]) {
    const options = parseOptions([...front, "--quick", "--filter", "size=64", "--json", "out.json"]);
    expect(options).toEqual({ quick: true, filter: /size=64/u, json: "out.json", help: false });
  }
});

it("asks for a full run of everything when nothing is said", () => {
  expect(parseOptions([])).toEqual({ quick: false, filter: undefined, json: undefined, help: false });
});

it("refuses what it does not know, and says what", () => {
  expect(() => parseOptions(["--fast"])).toThrow(/--fast/);
  expect(() => parseOptions(["--filter", "("])).toThrow(/--filter \(/);
});
