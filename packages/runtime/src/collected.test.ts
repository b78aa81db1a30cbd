/** A collected heap as a program has it: cycles by request, settings, figures, and what a by-hand heap refuses. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { array, bytes, createHeap, f64, ref, str, struct, u32, u8, attachHeap, type Heap, type HeapOptions } from "./index.ts";
import { COLLECTED_ONLY } from "./testing/error-cases.ts";
import { expectExact } from "./testing/figures.ts";

const KIB = 1024;
const MIB = 1 << 20;
const NodeType = struct("Node", {
  get next() {
    return ref(NodeType);
  },
  get other() {
    return ref(NodeType);
  },
  tag: u32,
});
/** Above 128 bytes: behind a header. */
const WideType = struct("Wide", { a: f64, b: ref(NodeType), pad: struct("Pad", Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x${i}`, f64]))), z: ref(NodeType) });
const NodesType = array(ref(NodeType));

const open: Heap[] = [];

afterEach(() => {
  vi.restoreAllMocks();
  // Background threads end when their heap is closed.
  for (const heap of open.splice(0)) heap.close();
});

function scene(options: HeapOptions = {}) {
  const heap = createHeap({ maxBytes: 16 * MIB, gcWorkers: 0, ...options });
  open.push(heap);
  return { heap, Node: heap.type(NodeType), Wide: heap.type(WideType), Nodes: heap.type(NodesType) };
}
type Scene = ReturnType<typeof scene>;

/** A list of `n` nodes under that root, each with its number. */
function setList({ heap, Node }: Scene, name: string, n: number): void {
  heap.turn(() => {
    let head = 0;
    for (let i = 0; i < n; i++) {
      const at = heap.alloc(Node);
      Node.tag.set(at, i);
      Node.next.set(at, head);
      head = at;
    }
    heap.roots.set(name, head);
  });
}

function listOf({ heap, Node }: Scene, name: string): number[] {
  return heap.turn(() => {
    const tags: number[] = [];
    for (let at = heap.roots.get(name); at !== 0; at = Node.next.get(at)) tags.push(Node.tag.get(at));
    return tags.reverse();
  });
}

/** Objects in the heap. */
function objects(heap: Heap): number {
  return heap.readMemStats().HeapObjects;
}

describe.each([0, 1])("with %i background threads", (gcWorkers) => {
  test("await heap.gc() is a whole cycle: when it resolves, garbage of before is swept and what roots lead to is there", async () => {
    const s = scene({ gcWorkers });
    setList(s, "kept", 5000);
    setList(s, "dropped", 5000);
    s.heap.turn(() => { s.heap.roots.set("dropped", null); });
    const before = objects(s.heap);
    await s.heap.gc();
    expect(before - objects(s.heap)).toBe(5000);
    expect(listOf(s, "kept")).toEqual(Array.from({ length: 5000 }, (_, i) => i));
    expect(s.heap.gcStats()).toMatchObject({ cyclesBegun: 1, cyclesSwept: 1, forced: 1, phase: "off", step: "idle" });
  });

  test("heap.gcSync() is the same, blocking", () => {
    const s = scene({ gcWorkers });
    setList(s, "kept", 1000);
    setList(s, "dropped", 1000);
    s.heap.turn(() => { s.heap.roots.delete("dropped"); });
    s.heap.gcSync();
    expect([objects(s.heap), listOf(s, "kept").length]).toEqual([1000, 1000]);
  });

  test("several that wait at one time each get a cycle that began after they asked", async () => {
    const s = scene({ gcWorkers });
    setList(s, "x", 3000);
    await Promise.all([s.heap.gc(), s.heap.gc(), s.heap.gc().then(() => s.heap.gc())]);
    expect(s.heap.gcStats().cyclesSwept).toBeGreaterThanOrEqual(2);
    expect(listOf(s, "x")).toHaveLength(3000);
  });

  test("a program that makes garbage for ever in short turns stays within a small heap", async () => {
    const s = scene({ gcWorkers, maxBytes: 4 * MIB, heapMinimum: 512 * KIB });
    setList(s, "kept", 1000);
    for (let i = 0; i < 300; i++) {
      setList(s, "garbage", 1000);
      await Promise.resolve();
    }
    expect(s.heap.gcStats().cyclesSwept).toBeGreaterThan(0);
    await s.heap.gc();
    expect([listOf(s, "kept").length, s.heap.verify().broken]).toEqual([1000, []]);
  });

  test("the identities of MemStats hold after cycles, and the figures are exact", async () => {
    const s = scene({ gcWorkers });
    setList(s, "x", 3000);
    setList(s, "y", 3000);
    s.heap.turn(() => {
      s.heap.roots.set("y", s.heap.alloc(s.Nodes, 50_000));
      for (let i = 0; i < 100; i++) s.heap.mallocgc(3);
    });
    await s.heap.gc();
    s.heap.flush();
    expectExact(s.heap);
  });
});

describe("what keeps an object", () => {
  test("every kind of reference to it, and nothing else: fields, header objects, arrays, large arrays, inside structs", () => {
    const s = scene();
    const { heap, Node, Wide, Nodes } = s;
    // 40 KiB, more than a small object can have; 200 KiB, scanned in pieces.
    const lengths = [2, 30, 100, 10_000, 50_000];
    heap.turn(() => {
      const leaf = (tag: number): number => {
        const at = heap.alloc(Node);
        Node.tag.set(at, tag);
        return at;
      };
      const wide = heap.alloc(Wide);
      Wide.b.set(wide, leaf(1));
      Wide.z.set(wide, leaf(2));
      heap.roots.set("wide", wide);
      lengths.forEach((length, i) => {
        const nodes = heap.alloc(Nodes, length);
        Nodes.at.set(nodes, length - 1, leaf(100 + i));
        Nodes.at.set(nodes, 0, leaf(200 + i));
        heap.roots.set(`nodes ${i}`, nodes);
      });
    });
    setList(s, "garbage", 3000);
    heap.turn(() => { heap.roots.set("garbage", null); });
    heap.gcSync();
    setList(s, "in its place", 3000);
    heap.turn(() => {
      const wide = heap.roots.get("wide");
      expect([Node.tag.get(Wide.b.get(wide)), Node.tag.get(Wide.z.get(wide))]).toEqual([1, 2]);
      lengths.forEach((length, i) => {
        const nodes = heap.roots.get(`nodes ${i}`);
        expect([Nodes.length(nodes), Node.tag.get(Nodes.at.get(nodes, length - 1)), Node.tag.get(Nodes.at.get(nodes, 0))]).toEqual([length, 100 + i, 200 + i]);
      });
    });
    expect(heap.gcStats().badPointers).toBe(0);
  });

  test("a cycle of objects that nothing else leads to dies, and weak refs to it with it; one that a root leads to lives", () => {
    const { heap, Node } = scene();
    const [dead, alive] = heap.turn(() => ["dead", "alive"].map((name) => {
      const [a, b] = [heap.alloc(Node), heap.alloc(Node)];
      Node.next.set(a, b);
      Node.next.set(b, a);
      if (name === "alive") heap.roots.set(name, a);
      return heap.weak(b);
    }));
    heap.gcSync();
    expect(heap.turn(() => [dead!.get() === 0, alive!.get() !== 0])).toEqual([true, true]);
  });

  test("an address inside the object: in the middle of a block, a large one too", () => {
    const { heap } = scene();
    const [small, large] = heap.turn(() => [heap.mallocgc(1000), heap.mallocgc(200_000)]);
    heap.turn(() => {
      heap.roots.set("small", small + 500);
      heap.roots.set("large", large + 150_000);
    });
    heap.gcSync();
    expect([heap.spanOf(small).sizeClass > 0, objects(heap)]).toEqual([true, 2]);
  });

  test("no number that looks like an address, in memory that is never scanned", () => {
    const { heap, Node } = scene();
    const Bytes = heap.type(array(u8));
    const weak = heap.turn(() => {
      const at = heap.alloc(Node);
      const block = heap.mallocgc(64);
      const large = heap.alloc(Bytes, 100_000);
      heap.i32[block >>> 2] = at;
      heap.i32[(large + 8) >>> 2] = at;
      heap.roots.set("block", block);
      heap.roots.set("large", large);
      return heap.weak(at);
    });
    heap.gcSync();
    expect(heap.turn(() => weak.get())).toBe(0);
  });

  test("for a tiny object any object of its block: they die together", () => {
    const { heap } = scene();
    heap.turn(() => {
      const a = heap.mallocgc(4);
      const b = heap.mallocgc(4);
      heap.u8[a] = 1;
      heap.u8[b] = 2;
      expect(a >>> 4).toBe(b >>> 4);
      heap.roots.set("b", b);
      // Closes the block, so that it could be given out again.
      for (let i = 0; i < 5000; i++) heap.u8[heap.mallocgc(4)] = 0xff;
    });
    heap.gcSync();
    heap.turn(() => {
      for (let i = 0; i < 5000; i++) heap.u8[heap.mallocgc(4)] = 0xee;
      expect(heap.u8[heap.roots.get("b")]).toBe(2);
      heap.roots.set("b", null);
    });
    heap.gcSync();
    expect(objects(heap)).toBeLessThan(10);
  });

  test("tiny blocks and typed objects side by side keep their words apart: odd sizes never misalign an object", () => {
    const { heap } = scene();
    const Bytes = heap.type(array(u8));
    heap.turn(() => {
      for (let n = 1; n < 8; n++) {
        const raw = heap.mallocgc(n);
        heap.u8.fill(0xff, raw, raw + n);
        const at = heap.alloc(Bytes, n);
        expect([at % 4, Bytes.length(at), heap.u8[raw]]).toEqual([0, n, 0xff]);
      }
    });
  });

  test("strings and bytes of a field, of any length, with the object that holds them", () => {
    const { heap } = scene();
    const Text = heap.type(struct("Text", { s: str, b: bytes }));
    const texts = ["", "a", "abcdefg", "x".repeat(200), "ü".repeat(20_000)];
    heap.turn(() => { texts.forEach((s, i) => { heap.roots.set(`t${i}`, heap.new(Text, { s, b: new Uint8Array(i * 5000).fill(i) })); }); });
    heap.gcSync();
    for (let i = 0; i < 3; i++) heap.turn(() => { for (let k = 0; k < 2000; k++) heap.new(Text, { s: "garbage".repeat(k % 40), b: new Uint8Array(k) }); });
    heap.gcSync();
    heap.turn(() => {
      texts.forEach((s, i) => {
        const text = heap.roots.get(`t${i}`, Text)!;
        expect([text.s === s, text.b.length, text.b.every((byte) => byte === i)]).toEqual([true, i * 5000, true]);
      });
    });
  });
});

describe("options and settings", () => {
  test.each([
    { gcPercent: -2 }, { gcPercent: 0.5 }, { gcPercent: "100" }, { gcPercent: NaN }, { memoryLimit: -1 }, { memoryLimit: "1" }, { memoryLimit: NaN }, { heapMinimum: -1 },
    { heapMinimum: 1.5 }, { gcWorkers: -1 }, { gcWorkers: 9 }, { gcWorkers: 0.5 }, { gc: 1 }, { checks: "yes" }, { gcCheckMark: 0 }, { clobberFree: null },
  ])("createHeap refuses %o with ERR_OPTION", (options) => {
    const [name] = Object.keys(options);
    expect(() => createHeap(options as HeapOptions)).toThrow(expect.objectContaining({ code: "ERR_OPTION", message: expect.stringContaining(name!) as string }));
  });

  test("setGCPercent returns the old value, and moves the trigger at once", () => {
    const { heap } = scene({ heapMinimum: MIB });
    const { trigger } = heap.gcStats();
    expect([heap.debug.setGCPercent(200), heap.debug.setGCPercent(-1)]).toEqual([100, 200]);
    expect(heap.gcStats().trigger).toBe(Infinity);
    expect(heap.debug.setGCPercent(100)).toBe(-1);
    expect(heap.gcStats().trigger).toBe(trigger);
  });

  test("setMemoryLimit returns the old value, Infinity for none, and below 0 only asks", () => {
    const { heap } = scene();
    expect([heap.debug.setMemoryLimit(8 * MIB), heap.debug.setMemoryLimit(-1), heap.debug.setMemoryLimit(Infinity), heap.debug.setMemoryLimit(-1)]).toEqual([Infinity, 8 * MIB, 8 * MIB, Infinity]);
  });

  test("a memory limit begins cycles though gcPercent is off", () => {
    const s = scene({ gcPercent: -1, memoryLimit: 6 * MIB });
    for (let i = 0; i < 100; i++) setList(s, "x", 5000);
    s.heap.safepoint();
    expect(s.heap.gcStats().cyclesBegun).toBeGreaterThan(0);
  });

  test("settings are the heap's, not the thread's", () => {
    const { heap } = scene();
    const other = attachHeap(heap.handle);
    heap.debug.setGCPercent(50);
    expect(other.debug.setGCPercent(100)).toBe(50);
    other.detach();
  });
});

describe("figures", () => {
  test("each cycle has a report and a line of Go's gctrace; asked for with a number, those after it", () => {
    const s = scene();
    setList(s, "x", 2000);
    for (let i = 0; i < 3; i++) s.heap.gcSync();
    expect(s.heap.gcCycles().map((r) => [r.cycle, r.forced])).toEqual([[1, true], [2, true], [3, true]]);
    expect(s.heap.gcCycles(2).map((r) => r.cycle)).toEqual([3]);
    expect(s.heap.gcTrace(1)).toHaveLength(2);
    expect(s.heap.gcTrace(2)[0]).toMatch(/^gc 3 @[\d.]+s \d+%: .* ms clock, .* ms cpu, \d+->\d+->\d+ MB, \d+ MB goal, 0 MB stacks, 0 MB globals, \d+ P \(forced\)$/);
    expect(s.heap.gcCycles(3)).toEqual([]);
  });

  test("the last 64 cycles are kept", () => {
    const { heap } = scene();
    for (let i = 0; i < 70; i++) heap.gcSync();
    const cycles = heap.gcCycles().map((r) => r.cycle);
    expect([cycles.length, cycles[0], cycles.at(-1)]).toEqual([64, 7, 70]);
  });

  test("gcStats says what is live, found alive, and where the next cycle begins", () => {
    const s = scene({ heapMinimum: 256 * KIB });
    setList(s, "x", 30_000);
    s.heap.gcSync();
    const stats = s.heap.gcStats();
    expect(stats.heapMarked).toBeGreaterThanOrEqual(30_000 * 16);
    expect(stats.heapMarked).toBeLessThan(30_000 * 16 * 1.2);
    expect(stats.goal).toBeGreaterThanOrEqual(stats.heapMarked * 2);
    expect(stats.trigger).toBeLessThanOrEqual(stats.goal);
    expect([stats.workers, stats.heldUpBy, stats.maxStallMs > 0]).toEqual([0, undefined, true]);
  });

  test("gcStats names the thread whose turn holds the cycle up, as long as it does", async () => {
    const { heap } = scene();
    const other = attachHeap(heap.handle);
    let cycle: Promise<void> | undefined;
    heap.turn(() => {
      cycle = other.gc();
      expect(other.gcStats()).toMatchObject({ phase: "arm", step: "arm", heldUpBy: { processorId: heap.processorId } });
    });
    expect(other.gcStats().heldUpBy).toBeUndefined();
    await cycle;
    expect(other.gcStats()).toMatchObject({ phase: "off", cyclesSwept: 1 });
    other.detach();
  });

  test("gcCheckMark and clobberFree find nothing wrong over many cycles", () => {
    const s = scene({ gcCheckMark: true, clobberFree: true });
    for (let i = 0; i < 10; i++) {
      setList(s, `x${i % 3}`, 2000);
      s.heap.gcSync();
    }
    expect([s.heap.verify().broken, listOf(s, "x0").length]).toEqual([[], 2000]);
  });
});

describe("a heap made with gc: false", () => {
  test.each(Object.keys(COLLECTED_ONLY))("refuses %s with ERR_NOT_COLLECTED", (name) => {
    const heap = createHeap({ gc: false, maxBytes: MIB });
    expect(() => COLLECTED_ONLY[name]!(heap)).toThrow(expect.objectContaining({ code: "ERR_NOT_COLLECTED" }));
    expect(heap.verify().broken).toEqual([]);
  });

  test("a collected heap refuses free, and the block stays", () => {
    const { heap } = scene();
    const addr = heap.mallocgc(64);
    heap.u8[addr] = 7;
    expect(() => { heap.free(addr); }).toThrow(expect.objectContaining({ code: "ERR_COLLECTED" }));
    expect([heap.u8[addr], heap.usableSize(addr)]).toEqual([7, 64]);
  });
});

test("a heap with shared: false is collected by its one thread", async () => {
  const s = scene({ shared: false, gcWorkers: 3 });
  setList(s, "x", 1000);
  setList(s, "y", 1000);
  s.heap.turn(() => { s.heap.roots.set("y", null); });
  await s.heap.gc();
  expect([objects(s.heap), s.heap.gcStats().workers]).toEqual([1000, 0]);
});
