/** Settings from the environment; how bytes are read is held to the cases of Go's TestParseByteCount (1.26). */
import { describe, expect, test, vi } from "vitest";
import { parseByteCount, processEnvironment, withEnvironment } from "./environment.ts";
import { createHeap } from "./index.ts";

const GO_READS: readonly (readonly [string, number])[] = [
  ["1", 1], ["12345", 12345], ["012345", 12345], ["98765432100", 98765432100], ["9223372036854775807", Infinity], ["1B", 1], ["12345B", 12345],
  ["012345B", 12345], ["98765432100B", 98765432100], ["9223372036854775807B", Infinity], ["1KiB", 1024], ["05KiB", 5120], ["1MiB", 1048576], ["10MiB",
  10485760], ["1GiB", 1073741824], ["100GiB", 107374182400], ["1TiB", 1099511627776], ["99TiB", 108851651149824], ["-0", 0], ["0", 0], ["0B", 0],
  ["0KiB", 0], ["0MiB", 0], ["0GiB", 0], ["0TiB", 0],
];
/** The last of Go's cases, the empty text, is for us a variable that is not set. */
const GO_REFUSES = `
  -1 a12345 a12345B 12345x 0x12345 9223372036854775808 9223372036854775809 18446744073709551615 20496382327982653440 18446744073709551616
  18446744073709551617 9999999999999999999999 9223372036854775808B 9223372036854775809B 18446744073709551615B 20496382327982653440B
  18446744073709551616B 18446744073709551617B 9999999999999999999999B 1Ki 05Ki 10Mi 100Gi 99Ti 22iB B iB KiB MiB GiB TiB -120KiB -891MiB -704GiB -42TiB
  99999999999999999999KiB 99999999999999999MiB 99999999999999GiB 99999999999TiB 555EiB 0KB 0MB 0GB 0TB 1KB 05KB 1MB 10MB 1GB 100GB 1TB 99TB 1K 05K 10M
  100G 99T 99999999999999999999KB 99999999999999999MB 99999999999999GB 99999999999TB 99999999999TiB 555EB`;

test.each(GO_READS)("%s is %d bytes", (text, bytes) => {
  expect(parseByteCount(text) === bytes).toBe(true);
});

test.each([...GO_REFUSES.trim().split(/\s+/)])("%s is no number of bytes", (text) => {
  expect(parseByteCount(text)).toBeUndefined();
});

describe("options", () => {
  test("are taken from the environment where the program says nothing", () => {
    const env = { MALLOCGC_PERCENT: "50", MALLOCGC_MEMLIMIT: "64MiB", MALLOCGC_DEBUG: "gctrace=1,scavtrace=0,gcpacertrace=2" };
    expect(withEnvironment({ maxBytes: 4096 }, env)).toEqual({
      maxBytes: 4096, gcPercent: 50, memoryLimit: 64 << 20, debug: { gctrace: true, scavtrace: false, gcpacertrace: true },
    });
    expect(withEnvironment({}, { MALLOCGC_PERCENT: "off", MALLOCGC_MEMLIMIT: "off" })).toEqual({ gcPercent: -1, memoryLimit: Infinity });
  });

  test("win over it, trace by trace", () => {
    const write = (): void => undefined;
    const env = { MALLOCGC_PERCENT: "50", MALLOCGC_MEMLIMIT: "64MiB", MALLOCGC_DEBUG: "gctrace=1,scavtrace=1" };
    expect(withEnvironment({ gcPercent: 200, memoryLimit: Infinity, debug: { scavtrace: false, write } }, env)).toEqual({
      gcPercent: 200, memoryLimit: Infinity, debug: { gctrace: true, scavtrace: false, write },
    });
  });

  test("stay as they are where it says nothing, or the variable is empty", () => {
    const options = { gcPercent: 7 };
    expect(withEnvironment(options, {})).toBe(options);
    expect(withEnvironment(options, { MALLOCGC_PERCENT: "", MALLOCGC_MEMLIMIT: "", MALLOCGC_DEBUG: "" })).toBe(options);
  });

  test("a heap has what its process's environment says", () => {
    vi.stubEnv("MALLOCGC_PERCENT", "37");
    vi.stubEnv("MALLOCGC_MEMLIMIT", "12MiB");
    const heap = createHeap({ maxBytes: 16 << 20, gcWorkers: 0 });
    vi.unstubAllEnvs();
    expect([heap.debug.setGCPercent(100), heap.debug.setMemoryLimit(-1)]).toEqual([37, 12 << 20]);
    heap.close();
  });

  test("an environment that may not be read is an empty one", () => {
    vi.stubGlobal("process", { get env() { throw new Error("not permitted"); } });
    const env = processEnvironment();
    vi.unstubAllGlobals();
    expect(env).toEqual({});
  });
});
