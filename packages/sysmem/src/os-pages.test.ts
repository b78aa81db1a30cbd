import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Region, createRegion, openOsPages, type SysmemErrorCode } from "./index.ts";
import type { OsPagesReport } from "./testing/os-pages.child.ts";

const MIB = 1 << 20;
const CHILD = fileURLToPath(new URL("./testing/os-pages.child.ts", import.meta.url));
const LINUX = process.platform === "linux";
if (!LINUX) console.log(`os-pages: release is for Linux; on ${process.platform} only the backend "none" is tested`);

function inChild(node: string, args: readonly string[], flags: readonly string[] = []): OsPagesReport {
  const stdout = execFileSync(node, [...flags, "--no-warnings", "--conditions=dev", CHILD, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  return JSON.parse(stdout) as OsPagesReport;
}

function expectReleased(report: OsPagesReport): void {
  expect(report).toMatchObject({
    residentTouched: 64 * MIB,
    released: 64 * MIB,
    residentAfter: 0,
    nonZeroAfter: 0,
    neighbourKept: true,
    failures: 0,
  });
  expect(report.residentBefore).toBeLessThan(MIB);
  expect(report.rssFell, "RSS falls by what was released, give or take the noise of a process").toBeGreaterThan(60 * MIB);
  expect(report.residentRetouched, "a page that is written again is back").toBe(report.pageSize);
}

const throwing = (code: SysmemErrorCode): unknown => expect.objectContaining({ name: "SysmemError", code });

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

describe.runIf(LINUX)("on Linux", () => {
  for (const kind of ["shared", "unshared"]) {
    test(`64 MiB of ${kind} memory, touched and released through koffi: not resident, all zero, gone from RSS`, () => {
      const node26 = Number(process.versions.node.split(".")[0]) >= 26;
      const report = inChild(process.execPath, [kind], node26 ? ["--no-experimental-ffi"] : []);
      expect(report.backend).toBe("koffi");
      expectReleased(report);
    });
  }

  // MALLOCGC_NODE26 names a Node >= 26.10 when the tests themselves run under an older one.
  const node26 = Number(process.versions.node.split(".")[0]) >= 26 ? process.execPath : process.env["MALLOCGC_NODE26"];
  if (node26 === undefined) {
    console.log(`os-pages: node:ffi is not tested: this is Node ${process.versions.node}, and MALLOCGC_NODE26 names no other (npx -y node@26 -p process.execPath)`);
  }
  for (const kind of ["shared", "unshared"]) {
    test.skipIf(node26 === undefined)(`64 MiB of ${kind} memory, touched and released through node:ffi: not resident, all zero, gone from RSS`, () => {
      const report = inChild(node26!, [kind]);
      expect(report.backend).toBe("node:ffi");
      expectReleased(report);
    });
  }

  test("only OS pages wholly inside the range are released, and exactly they are counted", () => {
    const region = createRegion(MIB, true);
    const os = openOsPages(region);
    const page = os.pageSize;
    for (const [from, to, pages] of [
      [0, page, 1],
      [1, page, 0],
      [0, page - 1, 0],
      [1, 2 * page - 1, 0],
      [1, 2 * page, 1],
      [page - 1, 3 * page + 1, 2],
      [0, 0, 0],
      [MIB, MIB, 0],
      [MIB - page, MIB, 1],
    ] as const) {
      region.u8.fill(9);
      expect(os.release(from, to - from), `${from}..${to}`).toBe(pages * page);
      const first = Math.ceil(from / page) * page;
      for (let at = 0; at < MIB; at += page) {
        const gone = at >= first && at < first + pages * page;
        expect(os.resident(at, page)).toBe(gone ? 0 : page);
        expect(region.u8[at]).toBe(gone ? 0 : 9);
        expect(region.u8[at + page - 1]).toBe(gone ? 0 : 9);
      }
    }
    expect(os.failures).toBe(0);
  });

  test("resident counts every page that the range touches, in one question or in many", () => {
    const region = createRegion(256 * MIB, true);
    const os = openOsPages(region);
    const page = os.pageSize;
    for (const at of [0, 64 * MIB - 1, 64 * MIB, 200 * MIB]) region.u8[at] = 1;
    os.release(page, 32 * MIB); // Where pages are huge, a touch makes more than one resident.
    expect(os.resident(0, 1)).toBe(page);
    expect(os.resident(64 * MIB - 1, 2)).toBe(2 * page);
    expect(os.resident(64 * MIB, 0)).toBe(0);
    expect(os.resident(0, 256 * MIB)).toBe(os.resident(0, 100 * MIB) + os.resident(100 * MIB, 156 * MIB));
    expect(os.resident(0, 256 * MIB)).toBeGreaterThanOrEqual(4 * page);
  });

  test("a call that the OS refuses is counted, not thrown, and claims nothing", () => {
    const region = createRegion(MIB, true);
    const os = openOsPages(region);
    // Beyond the address space of any process: madvise and mincore answer ENOMEM or EINVAL.
    Object.assign(os, { base: 2 ** 52 });
    expect(os.release(0, MIB)).toBe(0);
    expect(os.failures).toBe(1);
    expect(os.resident(0, MIB)).toBe(-1);
    expect(os.failures).toBe(2);
  });

  test("a region that does not start on an OS page is refused", () => {
    // A SharedArrayBuffer of fixed length starts a few bytes into a page.
    const region = new Region({ buffer: new SharedArrayBuffer(65536) });
    expect(() => openOsPages(region)).toThrow(throwing("ERR_OS_ALIGNMENT"));
  });

  test("ranges that are not inside the region are refused", () => {
    expectRangesChecked(openOsPages(createRegion(MIB, true)));
  });
});

describe("without a C library to call", () => {
  for (const [where, process] of [
    ["a browser", undefined],
    ["macOS", { platform: "darwin", versions: {} }],
    ["Deno", { platform: "linux", versions: { deno: "2.5.0" } }],
    ["Bun", { platform: "linux", versions: { bun: "1.3.0" } }],
    ["Linux with neither node:ffi nor koffi", { platform: "linux", versions: {}, getBuiltinModule: () => undefined }],
  ] as const) {
    test(`${where} has backend "none", which releases nothing and claims nothing`, async () => {
      vi.resetModules();
      vi.stubGlobal("process", process);
      const fresh = await import("./os-pages.ts");
      const os = fresh.openOsPages(createRegion(MIB, true));
      vi.unstubAllGlobals();
      expect(os).toMatchObject({ backend: "none", pageSize: 0, failures: 0 });
      expect(os.release(0, MIB)).toBe(0);
      expect(os.resident(0, MIB)).toBe(-1);
      expectRangesChecked(os);
    });
  }
});

function expectRangesChecked(os: ReturnType<typeof openOsPages>): void {
  for (const [at, length] of [[-1, 1], [0, -1], [0, MIB + 1], [MIB, 1], [0.5, 1], [0, 1.5], [NaN, 1], [0, Infinity], ["0", 1]] as [number, number][]) {
    for (const call of ["release", "resident"] as const) {
      // By its code: the module may have been loaded anew, and its class with it.
      expect(() => os[call](at, length), `${call}(${at}, ${length})`).toThrow(throwing("ERR_OS_RANGE"));
    }
  }
}
