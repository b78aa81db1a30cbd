import { afterEach, describe, expect, test, vi } from "vitest";
import { JsStacks } from "./js-stack.ts";
import { isOwnFile } from "./own-files.ts";
import { parseStack } from "./parse-stack.ts";

afterEach(() => vi.unstubAllGlobals());

describe("a stack", () => {
  test("that was seen before is the same one; another place, depth or function is another", () => {
    const stacks = new JsStacks<number>();
    const here = () => stacks.current();
    const deeper = (n: number): ReturnType<typeof here> => (n === 0 ? here() : deeper(n - 1));
    const seen = [0, 1].map(() => here());
    expect(seen[0]).toBe(seen[1]);
    const elsewhere = here();
    expect(elsewhere).not.toBe(seen[0]);
    const [a, b, c] = [2, 2, 3].map((n) => deeper(n));
    expect(a).toBe(b);
    expect(c).not.toBe(a);
    expect(c!.frames.filter((frame) => frame.functionName === "deeper")).toHaveLength(4);
  });

  test("leaves the program's own settings of Error as they were, and runs none of its code", () => {
    const { stackTraceLimit, prepareStackTrace } = Error;
    const prepare = vi.fn(() => "the program's own");
    Error.stackTraceLimit = 3;
    Error.prepareStackTrace = prepare;
    try {
      const { frames } = new JsStacks<number>().current();
      expect(frames.length).toBeGreaterThan(3);
      expect(prepare).not.toHaveBeenCalled();
      expect(new Error("x").stack).toBe("the program's own");
      expect([Error.stackTraceLimit, Error.prepareStackTrace]).toEqual([3, prepare]);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
      Error.prepareStackTrace = prepareStackTrace;
    }
  });

  test("names methods with their class, constructors with new", () => {
    const stacks = new JsStacks<number>();
    class Index {
      readonly made = stacks.current();
      insert() {
        return stacks.current();
      }
    }
    const index = new Index();
    expect(index.made.frames.map((frame) => frame.functionName)).toContain("new Index");
    expect(index.insert().frames[0]!.functionName).toBe("Index.insert");
  });

  test("is known by its text where an engine gives no call sites", () => {
    class TextError {
      readonly stack = "alloc@https://x.example/node_modules/@mallocgc/mcache/dist/cache.js:10:5\nmine@https://x.example/app.js:3:7\n@https://x.example/app.js:9:1";
    }
    vi.stubGlobal("Error", TextError);
    const stacks = new JsStacks<number>();
    const stack = stacks.current();
    expect(stack.frames).toEqual([
      { functionName: "mine", fileName: "https://x.example/app.js", line: 3, column: 7 },
      { functionName: "", fileName: "https://x.example/app.js", line: 9, column: 1 },
    ]);
    expect(stacks.current()).toBe(stack);
  });
});

describe("parseStack", () => {
  const frames = [
    { functionName: "insert", fileName: "https://x.example/a.js", line: 12, column: 3 },
    { functionName: "", fileName: "https://x.example/a.js", line: 40, column: 1 },
  ];

  test("reads V8's text", () => {
    expect(parseStack("Error: with a message\n    at insert (https://x.example/a.js:12:3)\n    at https://x.example/a.js:40:1\n    at Array.map (<anonymous>)")).toEqual([
      ...frames, { functionName: "Array.map", fileName: "<anonymous>", line: 0, column: 0 },
    ]);
  });

  test("reads SpiderMonkey's and JavaScriptCore's text", () => {
    expect(parseStack("insert@https://x.example/a.js:12:3\n@https://x.example/a.js:40:1\n")).toEqual(frames);
    expect(parseStack("insert@https://x.example/a.js:12:3\nmap@[native code]\nmodule code@https://x.example/a.js:40:1")).toEqual([
      frames[0], { functionName: "map", fileName: "[native code]", line: 0, column: 0 }, { ...frames[1]!, functionName: "module code" },
    ]);
  });
});

describe("isOwnFile", () => {
  const beside = new URL("../../../", import.meta.url).href;
  test.each([
    [`${beside}mcache/src/cache.ts`, true],
    [new URL(`${beside}runtime/dist/heap.js`).pathname, true],
    [`${beside}mcache/src/cache.test.ts`, false],
    [`${beside}runtime/src/testing/job.worker.ts`, false],
    [`${beside}pprof-export/src/handler.ts`, false],
    ["file:///app/node_modules/@mallocgc/runtime/dist/heap.js", true],
    ["/app/node_modules/.pnpm/@mallocgc+gc@1.0.0/node_modules/@mallocgc/gc/dist/index.js", true],
    ["file:///app/node_modules/other/dist/index.js", false],
    ["file:///app/src/mcache/src/cache.ts", false],
    ["node:internal/modules/run_main", false],
    ["", false],
  ])("%s: %s", (file, own) => {
    expect(isOwnFile(file)).toBe(own);
  });
});
