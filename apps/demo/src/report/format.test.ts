import { describe, expect, it } from "vitest";
import { bytes, count, plural, table } from "./format.ts";
import { line, showProgress } from "./progress.ts";

describe("numbers as people read them", () => {
  it("have units and separators", () => {
    expect([0, 1023, 1024, 1.5 * 2 ** 20, 4 * 2 ** 30].map(bytes)).toEqual(["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "4.0 GiB"]);
    expect(count(1234567)).toBe("1,234,567");
    expect([plural(1, "file"), plural(2000, "file")]).toEqual(["1 file", "2,000 files"]);
  });

  it("stand under each other in a table", () => {
    expect(table(["a", "long"], [["100", "1"]])).toBe("    a  long\n  100     1");
  });
});

describe("the progress display", () => {
  it("shows how much is done", () => {
    expect(line({ files: 10, filesDone: 5, kibDone: 2048 }, 1000)).toBe(
      "[###############...............]  50 %  5/10 files  2.0 MiB  2.1 MB/s",
    );
    expect(line({ files: 0, filesDone: 0, kibDone: 0 }, 0)).toContain("100 %");
  });

  it("is quiet for a short run without a terminal, and ends its line with one", () => {
    const written: string[] = [];
    const write = (text: string): void => {
      written.push(text);
    };
    const read = (): { files: number; filesDone: number; kibDone: number } => ({ files: 1, filesDone: 1, kibDone: 1 });
    showProgress({ write }, read)();
    expect(written).toEqual([]);
    showProgress({ isTTY: true, write }, read)();
    expect(written.join("")).toMatch(/^\r\[#{30}\] 100 % .*\n$/);
  });
});
