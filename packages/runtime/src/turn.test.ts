/** Turns of one thread, in a heap as a program has it: when they begin and end, and what happens between them and never within. */
import { CLAIMED, GcProcessor } from "@mallocgc/gc";
import { describe, expect, test } from "vitest";
import { attachHeap, createHeap, ref, struct, u32, type Heap } from "./index.ts";
import type { Layers } from "./layers.ts";

const NodeType = struct("Node", {
  get next() {
    return ref(NodeType);
  },
  tag: u32,
});

function scene(gcWorkers = 0): { heap: Heap; Node: ReturnType<typeof bind>; turnWord: () => number; inTurn: () => boolean } {
  const heap = createHeap({ maxBytes: 8 << 20, gcWorkers });
  const { layers } = heap as unknown as { layers: Layers };
  const at = layers.processors.gcOf(heap.processorId) + GcProcessor.offset.turn;
  const turnWord = (): number => Atomics.load(heap.i32, at);
  return { heap, Node: bind(heap), turnWord, inTurn: () => (turnWord() & 1) === 1 };
}

function bind(heap: Heap) {
  return heap.type(NodeType);
}

/** To the end of this job and the microtasks that it has queued. */
async function nextJob(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

describe("an implicit turn", () => {
  test("begins at the first operation that hands out an address, and ends with the synchronous job", async () => {
    const { heap, Node, inTurn } = scene();
    expect(inTurn()).toBe(false);
    heap.alloc(Node);
    expect(inTurn()).toBe(true);
    heap.alloc(Node);
    await Promise.resolve();
    expect(inTurn()).toBe(false);
  });

  test("is one turn, however many operations the job makes", async () => {
    const { heap, Node, turnWord } = scene();
    heap.alloc(Node);
    const word = turnWord();
    heap.roots.set("x", heap.alloc(Node));
    using handle = heap.root(heap.alloc(Node));
    expect([handle.ref > 0, turnWord()]).toEqual([true, word]);
    await nextJob();
    heap.mallocgc(16);
    expect(turnWord()).not.toBe(word);
  });

  test.each([
    ["mallocgc", (heap: Heap) => heap.mallocgc(16)],
    ["mallocgc of a tiny block", (heap: Heap) => heap.mallocgc(3)],
    ["new", (heap: Heap) => heap.new(bind(heap))],
    ["roots.get", (heap: Heap) => (heap.roots.has("x") ? heap.roots.get("x") : 0)],
    ["root", (heap: Heap) => heap.root(null)],
    ["scope.root", (heap: Heap) => heap.scope().root(null)],
    ["unique", (heap: Heap) => heap.unique("a").ref],
  ])("begins with %s", (_name, call) => {
    const { heap, inTurn } = scene();
    heap.turn(() => { heap.roots.set("x", 0); });
    expect(inTurn()).toBe(false);
    call(heap);
    expect(inTurn()).toBe(true);
  });

  test("begins with each way to get an address back from what a program holds: a handle's, a weak ref's", async () => {
    const { heap, Node, inTurn } = scene();
    const handle = heap.root(heap.alloc(Node));
    const weak = heap.weak(handle.ref);
    for (const call of [() => handle.ref, () => weak.get(), () => handle.move()]) {
      await nextJob();
      expect(inTurn()).toBe(false);
      call();
      expect(inTurn()).toBe(true);
    }
  });

  test("ends between two awaits of an async function, so no cycle waits for the function's end", async () => {
    const { heap, Node } = scene();
    const handle = heap.root(heap.alloc(Node));
    await heap.gc();
    heap.alloc(Node);
    await heap.gc();
    expect([heap.gcStats().cyclesSwept, handle.ref > 0]).toEqual([2, true]);
  });
});

describe("heap.turn", () => {
  test("is a turn from the call to the return, and hands on what the function returns or throws", () => {
    const { heap, inTurn } = scene();
    expect(heap.turn(() => inTurn())).toBe(true);
    expect(() => heap.turn(() => { throw new RangeError("mine"); })).toThrow(RangeError);
    expect(inTurn()).toBe(false);
  });

  test("ends the implicit turn before it: it is a turn of its own", () => {
    const { heap, turnWord } = scene();
    heap.mallocgc(16);
    const before = turnWord();
    expect(heap.turn(turnWord)).not.toBe(before);
  });

  test("nested is the outer turn", () => {
    const { heap, turnWord, inTurn } = scene();
    heap.turn(() => {
      const word = turnWord();
      expect(heap.turn(turnWord)).toBe(word);
      expect([turnWord(), inTurn()]).toEqual([word, true]);
    });
    expect(inTurn()).toBe(false);
  });

  test("does not end with a microtask that an operation before it has queued", async () => {
    const { heap, inTurn } = scene();
    heap.mallocgc(16);
    heap.turn(() => heap.mallocgc(16));
    heap.mallocgc(16);
    expect(inTurn()).toBe(true);
    await nextJob();
    expect(inTurn()).toBe(false);
  });

  test.each([
    ["an async function", async () => { await Promise.resolve(); }],
    ["what returns a thenable", () => ({ then: () => undefined })],
    ["no function", 5],
    ["nothing", undefined],
  ])("refuses %s with ERR_TURN, and no turn is left open", (_name, fn) => {
    const { heap, inTurn } = scene();
    expect(() => heap.turn(fn as () => void)).toThrow(expect.objectContaining({ code: "ERR_TURN" }));
    expect(inTurn()).toBe(false);
    expect(heap.turn(() => 1)).toBe(1);
  });

  test("what waits for a cycle is refused inside, and the turn goes on", () => {
    const { heap, inTurn } = scene();
    heap.turn(() => {
      expect(() => { heap.gcSync(); }).toThrow(expect.objectContaining({ code: "ERR_TURN" }));
      expect(inTurn()).toBe(true);
    });
  });

  test("heap.gc() inside rejects with ERR_TURN", async () => {
    const { heap } = scene();
    const promise = heap.turn(() => {
      // Not returned: a turn's function is no asynchronous one.
      const rejected = heap.gc();
      return () => rejected;
    });
    await expect(promise()).rejects.toMatchObject({ code: "ERR_TURN" });
  });
});

test("a view is stale, in development mode, from the end of its turn on, whether or not another has begun", () => {
  const heap = createHeap({ maxBytes: 4 << 20, gcWorkers: 0, checks: true });
  const view = heap.turn(() => heap.new(bind(heap), { tag: 3 }));
  expect(() => view.tag).toThrow(expect.objectContaining({ code: "ERR_STALE_REF" }));
});

describe("a safepoint", () => {
  test("ends a turn and begins the next: a cycle can go on", () => {
    const { heap, turnWord, inTurn } = scene();
    heap.turn(() => {
      const word = turnWord();
      heap.safepoint();
      expect([turnWord() === word, inTurn()]).toEqual([false, true]);
    });
  });

  test("lets a loop that never returns have its garbage collected, driven by the loop itself", () => {
    const { heap, Node } = scene();
    heap.turn(() => {
      for (let i = 0; i < 60; i++) {
        for (let k = 0; k < 20_000; k++) heap.alloc(Node);
        heap.safepoint();
      }
    });
    // 1.2 M objects of 16 bytes are more than twice the region.
    expect(heap.gcStats().cyclesSwept).toBeGreaterThan(0);
  });

  test("outside of a turn begins none, and does what is due", () => {
    const { heap, Node, inTurn } = scene();
    const called: string[] = [];
    heap.turn(() => { heap.addCleanup(heap.alloc(Node), (arg) => called.push(arg), "gone"); });
    heap.gcSync();
    heap.safepoint();
    expect([inTurn(), called]).toEqual([false, ["gone"]]);
  });

  test("voids views of before, in development mode", () => {
    const heap = createHeap({ maxBytes: 4 << 20, gcWorkers: 0, checks: true });
    heap.turn(() => {
      const view = heap.new(bind(heap), { tag: 3 });
      expect(view.tag).toBe(3);
      heap.safepoint();
      expect(() => view.tag).toThrow(expect.objectContaining({ code: "ERR_STALE_REF" }));
    });
  });
});

describe("functions that are due", () => {
  test("are called at a turn's start or after its end, never inside an operation", () => {
    const { heap, Node } = scene();
    let operating = false;
    const called: boolean[] = [];
    const operate = (fn: () => void): void => {
      operating = true;
      fn();
      operating = false;
    };
    heap.turn(() => { for (let i = 0; i < 5; i++) heap.addCleanup(heap.alloc(Node), () => called.push(operating), i); });
    heap.gcSync();
    const before = called.length;
    heap.turn(() => {
      for (let i = 0; i < 20_000; i++) operate(() => heap.alloc(Node));
      operate(() => { heap.roots.set("x", heap.alloc(Node)); });
      operate(() => heap.root(heap.alloc(Node)).dispose());
    });
    heap.safepoint();
    expect([called.length >= before, called]).toEqual([true, [false, false, false, false, false]]);
  });

  test("may use the heap, take turns and ask for cycles of their own", () => {
    const { heap, Node } = scene();
    const codes: unknown[] = [];
    heap.turn(() => {
      heap.addCleanup(heap.alloc(Node), () => {
        heap.turn(() => { heap.roots.set("from a cleanup", heap.alloc(Node)); });
        try {
          heap.gcSync();
        } catch (error) {
          codes.push((error as { code: unknown }).code);
        }
      }, 0);
    });
    heap.gcSync();
    heap.safepoint();
    // It runs in a turn: a cycle would wait for itself.
    expect([heap.roots.has("from a cleanup"), codes]).toEqual([true, ["ERR_TURN"]]);
  });

  test("that are called when a turn ends have a turn of their own, which ends too", () => {
    const { heap, Node, inTurn } = scene();
    const turns: boolean[] = [];
    heap.turn(() => { heap.addCleanup(heap.alloc(Node), () => turns.push(inTurn()), 0); });
    heap.gcSync();
    heap.safepoint();
    expect([turns, inTurn()]).toEqual([[true], false]);
  });

  test.each([
    ["at a turn's end", (heap: Heap) => { heap.gcSync(); }],
    ["at a turn's start", (heap: Heap) => {
      // Another thread's cycle: what it finds dead is due here when this thread next takes a turn.
      const other = attachHeap(heap.handle);
      other.gcSync();
      other.detach();
      heap.turn(() => undefined);
    }],
  ])("and throw %s, and whose error is thrown on by the program's own onError, leave no turn open", (_name, when) => {
    const heap = createHeap({ maxBytes: 4 << 20, gcWorkers: 0 }, {
      onError: (error) => {
        throw error;
      },
    });
    const Node = bind(heap);
    heap.turn(() => {
      heap.addCleanup(heap.alloc(Node), () => { throw new Error("mine"); }, 0);
    });
    const { layers } = heap as unknown as { layers: Layers };
    const inTurn = (): boolean => (heap.i32[layers.processors.gcOf(heap.processorId) + GcProcessor.offset.turn]! & 1) === 1;
    expect(() => { when(heap); }).toThrow("mine");
    expect(inTurn()).toBe(false);
    heap.gcSync();
    expect(heap.turn(() => 1)).toBe(1);
  });
});

test("a thread that blocks in roots.wait is in no turn meanwhile, and in one again after", () => {
  const { heap, inTurn } = scene();
  heap.turn(() => {
    expect(() => heap.roots.wait("never", 1)).toThrow(expect.objectContaining({ code: "ERR_ROOT_UNKNOWN" }));
    expect(inTurn()).toBe(true);
  });
});

describe("a thread that has left the heap", () => {
  test("is in no turn, and the microtask that was to end its turn does nothing", async () => {
    const { heap, inTurn } = scene();
    heap.mallocgc(16);
    heap.detach();
    await nextJob();
    expect(inTurn()).toBe(false);
  });

  test("is refused at once what would begin a turn, also through what it kept: types and handles", () => {
    const { heap, Node } = scene();
    const handle = heap.root(heap.alloc(Node));
    const keeper = attachHeap(heap.handle);
    heap.detach();
    for (const call of [() => heap.turn(() => 1), () => heap.alloc(Node), () => heap.root(null), () => handle.ref, () => Node.$type.alloc()]) {
      expect(call).toThrow(expect.objectContaining({ code: "ERR_HEAP_DETACHED" }));
    }
    keeper.detach();
  });

  test.each([
    ["a turn", (heap: Heap) => { heap.turn(() => { heap.detach(); }); }],
    ["a function that is due after a turn", (heap: Heap) => {
      heap.turn(() => { heap.addCleanup(heap.alloc(bind(heap)), () => { heap.detach(); }, 0); });
      heap.gcSync();
    }],
    ["a function that is due at a safepoint", (heap: Heap) => {
      heap.turn(() => { heap.addCleanup(heap.alloc(bind(heap)), () => { heap.detach(); }, 0); });
      const other = attachHeap(heap.handle);
      other.gcSync();
      other.detach();
      heap.turn(() => { heap.safepoint(); });
    }],
  ])("in the middle of %s, leaves its place untouched from then on", (_name, leave) => {
    const { heap, turnWord } = scene();
    const keeper = attachHeap(heap.handle);
    try {
      leave(heap);
    } catch (error) {
      expect(error).toMatchObject({ code: "ERR_HEAP_DETACHED" });
    }
    const word = turnWord();
    expect(word & 3).toBe(CLAIMED);
    keeper.gcSync();
    expect([turnWord(), keeper.verify().broken]).toEqual([word, []]);
    keeper.detach();
  });
});
