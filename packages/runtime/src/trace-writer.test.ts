/** Trace lines: Go's formats, in order, each once, and nothing at all where no trace is on. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { array, createHeap, u8, type Heap, type HeapOptions } from "./index.ts";

const MIB = 1 << 20;
const BytesType = array(u8);
const GC = /^gc \d+ @\d+\.\d{3}s \d+%: [\d.]+\+[\d.]+\+[\d.]+ ms clock, [\d.+/]+ ms cpu, \d+->\d+->\d+ MB, \d+ MB goal, \d+ MB stacks, \d+ MB globals, \d+ P( \(forced\))?$/;
const SCAV = /^scav \d+ KiB work \(bg\), \d+ KiB work \(eager\), \d+ KiB now, \d+% util( \(forced\)| \[controller reset\])?$/;
const PACER_BEGIN = /^pacer: assist ratio=\S+ \(scan \d+ MB in \d+->\d+ MB\) workers=\d+\+\S+$/;
const PACER_END = /^pacer: \d+% CPU \(\d+ exp\.\) for \d+\+\d+\+\d+ B work \(\d+ B exp\.\) in \d+ B -> \d+ B \(∆goal -?\d+, cons\/mark \S+\)$/;
const open: Heap[] = [];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
});

afterEach(() => {
  for (const heap of open.splice(0)) heap.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

function newHeap(options: HeapOptions): Heap {
  const heap = createHeap({ maxBytes: 64 * MIB, gcWorkers: 0, ...options });
  open.push(heap);
  return heap;
}

function traced(options: HeapOptions["debug"], more: HeapOptions = {}): { heap: Heap; lines: string[] } {
  const lines: string[] = [];
  return { heap: newHeap({ ...more, debug: { ...options, write: (line) => lines.push(line) } }), lines };
}

describe("a heap that is traced", () => {
  test("writes the lines of each cycle in Go's order and formats", () => {
    const { heap, lines } = traced({ gctrace: true, scavtrace: true, gcpacertrace: true });
    heap.gcSync();
    heap.gcSync();
    expect(lines).toHaveLength(8);
    for (const i of [0, 4]) {
      expect(lines.slice(i, i + 4)).toEqual([PACER_BEGIN, PACER_END, GC, SCAV].map((format): unknown => expect.stringMatching(format)));
      expect(lines[i + 2]).toBe(heap.gcTrace()[i / 4]);
    }
  });

  test("writes only what is asked for, each line once", async () => {
    for (const [name, format] of [["gctrace", GC], ["scavtrace", SCAV]] as const) {
      const { heap, lines } = traced({ [name]: true });
      heap.gcSync();
      vi.advanceTimersByTime(1000);
      await Promise.all([heap.gc(), vi.advanceTimersByTimeAsync(100)]);
      expect(lines).toEqual([expect.stringMatching(format), expect.stringMatching(format)]);
    }
  });

  test("writes lines of cycles that nobody waits for within a tenth of a second, and the rest when the thread leaves", () => {
    const { heap, lines } = traced({ gctrace: true });
    const Bytes = heap.type(BytesType);
    const grow = (): void => { for (let i = 0; i < 8; i++) heap.turn(() => heap.alloc(Bytes, MIB)); };
    grow();
    while (heap.gcStats().cyclesSwept === 0) heap.turn(() => undefined);
    expect(lines).toEqual([]);
    vi.advanceTimersByTime(100);
    expect(lines).toEqual(heap.gcTrace());
    const before = lines.length;
    heap.turn(() => { heap.gcStats(); });
    grow();
    while (heap.gcStats().cyclesMarked === before) heap.turn(() => undefined);
    const all = heap.gcTrace();
    heap.detach();
    expect(lines).toEqual(all);
    open.splice(open.indexOf(heap), 1);
  });

  test("says what freeOSMemory gave back, of a by-hand heap too", () => {
    for (const gc of [true, false]) {
      const { heap, lines } = traced({ scavtrace: true }, { gc });
      if (!gc) heap.free(heap.mallocgc(8 * MIB));
      const given = heap.freeOSMemory();
      expect(lines.at(-1)).toMatch(SCAV);
      expect(lines.at(-1)).toContain(`0 KiB work (bg), ${Math.floor(given / 1024)} KiB work (eager), `);
      expect(lines.at(-1)).toMatch(/\(forced\)$/);
    }
  });

  test("by the environment, on standard error, also what came just before the process ends", () => {
    const written: string[] = [];
    vi.spyOn(process.stderr, "write").mockImplementation((text) => written.push(String(text)) > 0);
    vi.stubEnv("MALLOCGC_DEBUG", "gctrace=1");
    const heap = newHeap({});
    const listeners = process.listenerCount("exit");
    const second = newHeap({});
    expect(process.listenerCount("exit"), "one for all heaps").toBe(listeners);
    const Bytes = heap.type(BytesType);
    while (heap.gcStats().cyclesMarked === 0) heap.turn(() => heap.alloc(Bytes, MIB));
    expect(written).toEqual([]);
    (process.listeners("exit").at(-1) as () => void)();
    expect(written).toEqual([expect.stringMatching(/^gc 1 .*\n$/)]);
    second.close();
    heap.close();
    open.length = 0;
    expect(process.listenerCount("exit")).toBe(listeners - 1);
  });
});

test("a heap that is not traced has no timer, and writes nothing", () => {
  const write = vi.spyOn(process.stderr, "write");
  const listeners = process.listenerCount("exit");
  const heap = newHeap({ debug: { gctrace: false } });
  expect([vi.getTimerCount(), process.listenerCount("exit")]).toEqual([0, listeners]);
  heap.gcSync();
  expect(write).not.toHaveBeenCalled();
});
