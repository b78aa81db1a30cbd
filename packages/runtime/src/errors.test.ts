/**
 * The table of errors in README.md, row by row: each row has a case here and each case a row, and what the row says is what happens.
 *
 * After every refused call the heap is whole and usable: it verifies, its live blocks are intact, and an allocation works.
 */
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { afterEach, describe, expect, test, vi } from "vitest";
import { HeapError, HeapExhaustedError, attachHeap, createHeap, type Heap, type HeapOptions } from "./index.ts";
import { HEADER_PTR, HeapHeader, LAYOUT_VERSION } from "./header.ts";
import { COLLECTED_CASES, CollectedScene } from "./testing/error-cases.ts";

const MIB = 1 << 20;
const PAGE = 8192;
const NO_NUMBERS: readonly unknown[] = [undefined, null, true, "64", "", [], [64], {}, Object.create(null), { valueOf: () => 64 }, 64n, Symbol("s"), (): number => 64];

/** One heap, and blocks of each kind in it, that a refused call must leave alone. */
class Scene {
  readonly heap: Heap = createHeap({ gc: false, maxBytes: 4 * MIB });
  readonly block: number = this.heap.mallocgc(64);
  readonly large: number = this.heap.mallocgc(5 * PAGE);
  readonly headed: number = this.heap.mallocgc(200, { noscan: false });
  readonly tiny: number = this.heap.mallocgc(3);
  readonly nextTiny: number = this.heap.mallocgc(4);
  private readonly live: readonly number[] = [this.block, this.large, this.headed, this.tiny, this.nextTiny];

  constructor() {
    for (const addr of this.live) this.heap.u8[addr] = 0xa5;
  }

  /** A block that was freed, while others of its span live. */
  freed(size: number): number {
    const [addr] = [this.heap.mallocgc(size), this.heap.mallocgc(size)];
    this.heap.free(addr);
    return addr;
  }

  /** Words of the region's header, as another version or an accident may have left them. */
  header(field: keyof typeof HeapHeader.offset, value: number): void {
    this.heap.i32[HEADER_PTR + HeapHeader.offset[field]] = value;
  }

  expectWhole(): void {
    const heap = attachHeap(this.heap.handle);
    for (const addr of this.live) expect([heap.u8[addr], heap.usableSize(addr) > 0]).toEqual([0xa5, true]);
    const addr = this.heap.mallocgc(100);
    this.heap.free(addr);
    heap.detach();
    expect(this.heap.verify().broken).toEqual([]);
  }
}

/** `values`, one after another, go into `call`; the error's message has to show `shown` of each (default: the value, if it is a number). */
interface Case {
  readonly values: (scene: Scene) => readonly unknown[];
  readonly call: (scene: Scene, value: never) => unknown;
}

const given = (...values: readonly unknown[]) => (): readonly unknown[] => values;

/** Each of them takes the address of a live block, and nothing else. */
const takesBlock: Record<string, Case["call"]> = {
  free: ({ heap }, addr) => heap.free(addr),
  usableSize: ({ heap }, addr) => heap.usableSize(addr),
  view: ({ heap }, addr) => heap.view(addr, Uint8Array),
};
const takesAddress: Record<string, Case["call"]> = { ...takesBlock, spanOf: ({ heap }, addr) => heap.spanOf(addr) };

const wrongAddresses: Record<string, Case["values"]> = {
  "an address that is no number": given(...NO_NUMBERS),
  "an address NaN, infinite, negative, fractional, 2^32 or more": given(NaN, Infinity, -Infinity, -8, -1, 0.5, 4096.5, 2 ** 32, 2 ** 53, Number.MAX_VALUE),
  "address 0, which is nil": given(0, -0),
  "an address outside the heap: in its tables, above its end": ({ heap }) => [8, 1000, heap.maxBytes - 8, heap.maxBytes, 2 ** 32 - 1],
  "an address in a free page": ({ heap }) => {
    const above = heap.mallocgc(9 * PAGE);
    const addr = heap.mallocgc(9 * PAGE);
    heap.free(above);
    heap.free(addr);
    return [above, addr, addr + 100];
  },
};

const wrongBlocks: Record<string, Case["values"]> = {
  "an address in the tail of a span, where no block fits": ({ heap, headed }) => [heap.spanOf(headed).limit, heap.spanOf(headed).base + heap.spanOf(headed).npages * PAGE - 1],
  "a slot never handed out": ({ heap, block }) => [heap.spanOf(block).limit - 64],
  "a block freed before, or inside it": (scene) => [scene.freed(500), scene.freed(500) + 1, scene.freed(40)],
  "a tiny object freed before, while its neighbours live": ({ heap }) => {
    const [addr] = [heap.mallocgc(2), heap.mallocgc(2)];
    heap.free(addr);
    return [addr];
  },
  "an address inside a block": ({ block, large, headed }) => [block + 1, block + 63, large + 8, large + 5 * PAGE - 1, headed + 1],
  "an address at or in the 8 bytes before a block with pointers": ({ headed }) => [headed - 8, headed - 1],
  "an address in or between tiny objects": ({ tiny, nextTiny }) => [tiny + 1, tiny + 3, nextTiny + 1],
};

const afterLeaving: Record<string, Case["call"]> = {
  mallocgc: ({ heap }) => heap.mallocgc(8),
  free: ({ heap, block }) => heap.free(block),
  usableSize: ({ heap, block }) => heap.usableSize(block),
  spanOf: ({ heap, block }) => heap.spanOf(block),
  view: ({ heap, block }) => heap.view(block, Uint8Array),
  handle: ({ heap }) => heap.handle,
  readMemStats: ({ heap }) => heap.readMemStats(),
  metrics: ({ heap }) => heap.metrics(),
  sizeClassStats: ({ heap }) => heap.sizeClassStats(),
  verify: ({ heap }) => heap.verify(),
  flush: ({ heap }) => heap.flush(),
  freeOSMemory: ({ heap }) => heap.freeOSMemory(),
  osBackend: ({ heap }) => heap.osBackend,
  osFailures: ({ heap }) => heap.osFailures,
  "debug.setMemoryLimit": ({ heap }) => heap.debug.setMemoryLimit(-1),
  detach: ({ heap }) => heap.detach(),
  close: ({ heap }) => heap.close(),
};

const create: Case["call"] = (_scene, options: HeapOptions) => createHeap(options);
const attach: Case["call"] = (_scene, handle) => attachHeap(handle);
const option = (name: string, ...values: readonly unknown[]): Case => ({ values: given(...values.map((value) => ({ [name]: value }))), call: create });
const memory = (bytes: number, shared: boolean): unknown => new WebAssembly.Memory({ initial: bytes / 65536, maximum: bytes / 65536, shared });
const handleOf = (memory: unknown): unknown => ({ type: "mallocgc.heap", layoutVersion: LAYOUT_VERSION, memory });

const CASES: Record<string, Case> = {
  "mallocgc: a size that is no number": { values: given(...NO_NUMBERS), call: (s, size) => [s.heap.mallocgc(size)] },
  "mallocgc: a size that is no number, with pointers": { values: given(...NO_NUMBERS), call: (s, size) => [s.heap.mallocgc(size, { noscan: false })] },
  "mallocgc: NaN, infinite, negative, fractional, 2^32 or more": {
    values: given(NaN, Infinity, -Infinity, -1, -0.5, 0.5, 64.5, 2 ** 32, 2 ** 53),
    call: (s, size) => s.heap.mallocgc(size),
  },
  "mallocgc: the same, with pointers": {
    values: given(NaN, Infinity, -Infinity, -1, -0.5, 0.5, 64.5, 2 ** 32, 2 ** 53),
    call: (s, size) => s.heap.mallocgc(size, { noscan: false }),
  },
  "mallocgc: more than there is room for": { values: ({ heap }) => [heap.maxBytes, heap.maxBytes - 8 * PAGE, 2 ** 31, 2 ** 32 - 1], call: (s, size) => s.heap.mallocgc(size) },
  "mallocgc: options that are no object": { values: given(null, true, 1, "noscan"), call: (s, options) => s.heap.mallocgc(8, options) },
  "mallocgc: an option that is no boolean": { values: given({ noscan: 1 }, { noscan: null }, { zeroed: "no" }, { zeroed: 0 }), call: (s, options) => s.heap.mallocgc(8, options) },
  "free: the same block a second time": {
    values: ({ heap }) => [heap.mallocgc(64), heap.mallocgc(300, { noscan: false }), heap.mallocgc(3)],
    call: ({ heap }, addr) => {
      heap.mallocgc(3); // The tiny block is not to die with its first object.
      heap.free(addr);
      heap.free(addr);
    },
  },
  "free: the same large block a second time": {
    values: ({ heap }) => [heap.mallocgc(100_000)],
    call: ({ heap }, addr) => {
      heap.free(addr);
      heap.free(addr);
    },
  },
  "spanOf: the address of empty blocks": { values: ({ heap }) => [heap.mallocgc(0)], call: ({ heap }, addr) => heap.spanOf(addr) },
  "view: a type that is no typed array class": {
    values: given(undefined, null, 8, "Int32Array", {}, new Int32Array(1), DataView, Array, () => 8),
    call: ({ heap, block }, type) => heap.view(block, type),
  },
  "view: a length that is no number, negative, fractional, too long": {
    values: given(null, "1", 1n, NaN, -1, 0.5, 17, 2 ** 32),
    call: ({ heap, block }, length) => heap.view(block, Int32Array, length),
  },
  "view: an address that is not aligned for the type": { values: ({ nextTiny }) => [nextTiny], call: ({ heap }, addr) => heap.view(addr, Float64Array) },
  "handle: of a heap made with shared: false": { values: given(createHeap({ gc: false, maxBytes: MIB, shared: false })), call: (_scene, heap: Heap) => heap.handle },

  "createHeap: options that are no object": { values: given(null, 5, "64 MiB", true, 64n, []), call: create },
  "createHeap: an option that does not exist": option("maxbytes", 1, undefined),
  "createHeap: maxBytes no integer from 1 MiB to 4 GiB": option("maxBytes", ...NO_NUMBERS.slice(1), NaN, Infinity, -1, 0, MIB - 1, 2.5 * MIB + 0.5, 2 ** 32 + 1),
  "createHeap: maxThreads no integer from 1 to 1024": option("maxThreads", ...NO_NUMBERS.slice(1), NaN, -1, 0, 1.5, 1025),
  "createHeap: chunkPages neither 64 nor 512": option("chunkPages", ...NO_NUMBERS.slice(2), NaN, 0, 63, 128, 512.5),
  "createHeap: shared no boolean": option("shared", null, 0, 1, "yes", {}),
  "createHeap: more threads than maxBytes has room for": { values: given({ maxBytes: MIB, maxThreads: 1024 }), call: create },
  "createHeap: shared memory where none can be had": {
    values: given({}, { shared: true }),
    call: (_scene, options: HeapOptions) => {
      vi.stubGlobal("crossOriginIsolated", false); // As in a page without cross-origin isolation.
      createHeap(options);
    },
  },
  "createHeap: more address space than the system gives": {
    values: given({}),
    call: (_scene, options: HeapOptions) => {
      vi.stubGlobal("WebAssembly", {
        Memory: function (): never {
          throw new RangeError("could not allocate memory"); // As under ulimit -v.
        },
      });
      createHeap(options);
    },
  },

  "attachHeap: what is no handle": { values: ({ heap }) => [undefined, null, 5, "handle", 5n, Symbol("s"), {}, [], () => heap.handle, heap, { type: "mallocgc.heap2" }], call: attach },
  "attachHeap: a handle sent as text": { values: ({ heap }) => [JSON.parse(JSON.stringify(heap.handle)) as unknown], call: attach },
  "attachHeap: a handle whose memory is none": {
    values: given(...[undefined, null, 5, {}, new ArrayBuffer(MIB), new SharedArrayBuffer(MIB), { [Symbol.toStringTag]: "WebAssembly.Memory" }].map(handleOf)),
    call: attach,
  },
  "attachHeap: a handle whose memory holds no heap, or is too small for one": { values: given(...[0, 65536, MIB].map((bytes) => handleOf(memory(bytes, true)))), call: attach },
  "attachHeap: a handle whose memory is not shared": { values: given(handleOf(memory(MIB, false))), call: attach },
  "attachHeap: a heap whose header is damaged": {
    values: given(["magic", 0], ["wasmPages", 1], ["wasmPages", -1], ["maxThreads", 0], ["maxThreads", -5], ["maxThreads", 1 << 30], ["chunkPages", 63]),
    call: (_scene, [field, value]: [keyof typeof HeapHeader.offset, number]) => {
      const other = new Scene();
      const { handle } = other.heap;
      other.header(field, value);
      attachHeap(handle);
    },
  },
  "attachHeap: a handle of another version": { values: ({ heap }) => [0, 1, LAYOUT_VERSION - 1, LAYOUT_VERSION + 1, undefined, String(LAYOUT_VERSION)].map((layoutVersion) => ({ ...heap.handle, layoutVersion })), call: attach },
  "attachHeap: a heap of another version, or laid out differently": {
    values: given(["version", 1], ["version", 0], ["fingerprint", 0], ["maxThreads", 63]),
    call: (_scene, [field, value]: [keyof typeof HeapHeader.offset, number]) => {
      const other = new Scene();
      const { handle } = other.heap;
      other.header(field, value);
      attachHeap(handle);
    },
  },
  "attachHeap: a heap that was closed": {
    values: () => {
      const heap = createHeap({ gc: false, maxBytes: MIB });
      const { handle } = heap;
      heap.close();
      return [handle];
    },
    call: attach,
  },
  "createHeap: a malformed MALLOCGC_PERCENT, MALLOCGC_MEMLIMIT or MALLOCGC_DEBUG in the environment": {
    values: given(
      ["MALLOCGC_PERCENT", "50%"], ["MALLOCGC_PERCENT", "-5"], ["MALLOCGC_PERCENT", "1e2"], ["MALLOCGC_MEMLIMIT", "512 MiB"], ["MALLOCGC_MEMLIMIT", "512MB"], ["MALLOCGC_MEMLIMIT", "-1"],
      ["MALLOCGC_MEMLIMIT", "8388608TiB"], ["MALLOCGC_DEBUG", "gctrace"], ["MALLOCGC_DEBUG", "gctrace=1,"], ["MALLOCGC_DEBUG", "gotrace=1"],
    ),
    call: (_scene, [name, value]: [string, string]) => {
      vi.stubEnv(name, value);
      try {
        createHeap({ gc: false, maxBytes: MIB });
      } finally {
        vi.unstubAllEnvs();
      }
    },
  },
  "attachHeap: a heap with all its threads attached": { values: given(createHeap({ gc: false, maxBytes: MIB, maxThreads: 1 }).handle), call: attach },
};

for (const [name, values] of Object.entries(wrongAddresses)) for (const [fn, call] of Object.entries(takesAddress)) CASES[`${fn}: ${name}`] = { values, call };
for (const [name, values] of Object.entries(wrongBlocks)) for (const [fn, call] of Object.entries(takesBlock)) CASES[`${fn}: ${name}`] = { values, call };
for (const [fn, call] of Object.entries(afterLeaving)) CASES[`${fn}: after detach or close`] = { values: given("detach", "close"), call };

/** The rows of the README's table: what the code is for `fn: what was given`. One row may name several functions, also as `part.function`. */
function readmeRows(): Map<string, string> {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const rows = new Map<string, string>();
  for (const [, functions, what, code] of readme.matchAll(/^\| ((?:`[\w.]+`(?:, )?)+) \| (.+?) \| `(ERR_\w+)` \|$/gm)) {
    for (const [, fn] of functions!.matchAll(/`([\w.]+)`/g)) {
      const key = `${fn}: ${what}`;
      if (rows.has(key)) throw new Error(`the README has two rows for ${key}`);
      rows.set(key, code!);
    }
  }
  return rows;
}

const rows = readmeRows();

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("bad input", () => {
  test("each row of the README's table is tested, and each test is a row", () => {
    expect([...rows.keys()].sort()).toEqual([...Object.keys(CASES), ...Object.keys(COLLECTED_CASES)].sort());
  });

  test.each([...rows].filter(([key]) => key in CASES))("%s is %s", (key, code) => {
    const { values, call } = CASES[key]!;
    const scene = new Scene();
    for (const value of values(scene)) {
      const left = key.endsWith("after detach or close") ? new Scene() : scene;
      if (left !== scene) left.heap[value as "detach" | "close"]();
      const error = thrownBy(() => call(left, value as never));
      expect.soft(error?.code, `for ${inspect(value)}`).toBe(code);
      expect(error).toBeInstanceOf(code === "ERR_HEAP_EXHAUSTED" ? HeapExhaustedError : HeapError);
      expect(error?.name).toBe(code === "ERR_HEAP_EXHAUSTED" ? "HeapExhaustedError" : "HeapError");
      if (typeof value === "number" && value !== 0) expect(error?.message).toContain(String(value));
      vi.unstubAllGlobals();
      scene.expectWhole();
    }
  });

  test.each([...rows].filter(([key]) => key in COLLECTED_CASES))("in a collected heap, %s is %s", async (key, code) => {
    const { values, call } = COLLECTED_CASES[key]!;
    const scene = new CollectedScene();
    for (const [i, value] of values(scene).entries()) {
      const error = await rejectionOf(() => call(scene, value as never));
      // Not the value itself: a view cannot be shown when its turn is over.
      expect.soft(error?.code, `for value ${i}`).toBe(code);
      expect(error).toBeInstanceOf(HeapError);
      if (typeof value === "number" && value !== 0) expect(error?.message).toContain(String(value));
    }
    expect(scene.broken()).toEqual([]);
  });

  test("exhaustion says how much was asked for and how much there is", () => {
    const heap = createHeap({ gc: false, maxBytes: MIB });
    expect(thrownBy(() => heap.mallocgc(2 * MIB))).toMatchObject({ requested: 2 * MIB, maxBytes: MIB, code: "ERR_HEAP_EXHAUSTED" });
  });

  test("an environment without shared memory has a heap for one thread", () => {
    vi.stubGlobal("crossOriginIsolated", false);
    const heap = createHeap({ gc: false, shared: false, maxBytes: MIB });
    heap.free(heap.mallocgc(100));
    expect(heap.verify().broken).toEqual([]);
  });

  test("what is allowed though it looks odd: freeing an empty block again and again, sizes and addresses as -0, undefined options", () => {
    const heap = createHeap({ gc: false, maxBytes: MIB, ...({ maxThreads: undefined } as object) });
    const empty = heap.mallocgc(-0, undefined);
    heap.free(empty);
    heap.free(empty);
    expect([empty === heap.mallocgc(0, { noscan: false }), heap.usableSize(empty), heap.view(empty, Float64Array).length]).toEqual([true, 0, 0]);
    expect(heap.verify().broken).toEqual([]);
  });
});

/** What the call throws, or what its promise is rejected with. */
async function rejectionOf(call: () => unknown): Promise<HeapError | undefined> {
  try {
    await call();
  } catch (error) {
    return error as HeapError;
  }
  return undefined;
}

function thrownBy(call: () => unknown): HeapError | undefined {
  try {
    call();
  } catch (error) {
    return error as HeapError;
  }
  return undefined;
}
