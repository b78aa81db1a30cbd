import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { everyFile, listFiles, markdownAndTypeScript } from "./files.ts";
import { FileReader } from "./read-file.ts";

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "mallocgc-demo-"));
  for (const sub of ["b/store/pkg", "b/links", ".git"]) mkdirSync(join(dir, sub), { recursive: true });
  const files = ["a.md", "Z.ts", "b/x.d.ts", "b/store/pkg/index.mts", "b/store/pkg/index.cts", "b/store/pkg/code.js", ".git/HEAD.md"];
  for (const file of files) writeFileSync(join(dir, file), `text of ${file}`);
  symlinkSync("../store/pkg", join(dir, "b/links/pkg"));
  symlinkSync("../..", join(dir, "b/links/loop"));
  symlinkSync("nowhere", join(dir, "b/links/dangling.md"));
  symlinkSync("../../a.md", join(dir, "b/links/again.md"));
});

afterAll(() => {
  rmSync(dir, { recursive: true });
});

describe("the list of files", () => {
  it("names each wanted file once, under its real path, in code unit order", () => {
    expect(listFiles([dir], markdownAndTypeScript, dir)).toEqual([
      "Z.ts",
      "a.md",
      "b/store/pkg/index.cts",
      "b/store/pkg/index.mts",
      "b/x.d.ts",
    ]);
  });

  it("is the same whichever way its roots are given", () => {
    const roots = [join(dir, "b/links"), join(dir, "a.md"), dir];
    expect(listFiles(roots, markdownAndTypeScript, dir)).toEqual(listFiles([dir], markdownAndTypeScript, dir));
  });

  it("takes all files when asked to, but not git's", () => {
    const files = listFiles([dir], everyFile, dir);
    expect(files).toContain("b/store/pkg/code.js");
    expect(files.filter((file) => file.includes(".git"))).toEqual([]);
  });

  it("gives whole paths for files outside its base", () => {
    expect(listFiles([join(dir, "a.md")], everyFile, join(dir, "b"))).toEqual([expect.stringMatching(/^\/.*a\.md$/)]);
  });
});

describe("the reader", () => {
  it("reads a file of any length into its one buffer, and says why it does not", () => {
    const reader = new FileReader();
    const large = join(dir, "large.txt");
    writeFileSync(large, "x".repeat(3_000_000));
    expect(reader.read(large)).toBe(3_000_000);
    expect(reader.buffer[2_999_999]).toBe("x".charCodeAt(0));
    const read = reader.read(join(dir, "a.md"));
    expect(Buffer.from(reader.buffer.subarray(0, Number(read))).toString()).toBe("text of a.md");
    writeFileSync(join(dir, "binary"), "PNG\0");
    expect(reader.read(join(dir, "binary"))).toBe("not text");
    expect(reader.read(join(dir, "gone"))).toBe("unreadable");
    expect(reader.read(dir)).toBe("unreadable");
    writeFileSync(join(dir, "empty"), "");
    expect(reader.read(join(dir, "empty"))).toBe(0);
  });
});
