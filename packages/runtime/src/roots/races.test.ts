import { verifySpecials } from "@mallocgc/gc";
import { describe, expect, test } from "vitest";
import { HeapError } from "../errors.ts";
import type { HandleMessage } from "./handle.ts";
import { preempt } from "./testing/preempt.ts";
import { TestHeap, keptBy } from "./testing/test-heap.ts";

/** A heap and two threads more. */
function three(): { heap: TestHeap; a: TestHeap; b: TestHeap } {
  const heap = TestHeap.create(1 << 20);
  return { heap, a: TestHeap.attach(heap.handle, 1), b: TestHeap.attach(heap.handle, 2) };
}

/** What `fn` returns, or the code of the error it throws. */
function outcome<T>(fn: () => T): T | string {
  try {
    return fn();
  } catch (error) {
    if (error instanceof HeapError) return error.code;
    throw error;
  }
}

describe("with another thread's whole operation between any two steps", () => {
  test("a move is adopted by exactly one of two", () => {
    const places = preempt(() => {
      const { heap, a, b } = three();
      const object = heap.object();
      const message = heap.roots.handles.root(object).move();
      const got: unknown[] = [];
      const adopt = (by: TestHeap) => () => void got.push(outcome(() => by.roots.handles.adopt(message).ref));
      return {
        heap, run: adopt(a), meanwhile: adopt(b),
        check: () => {
          expect(got.sort()).toEqual([object, "ERR_ROOT_DISPOSED"].sort());
          expect(keptBy(heap, heap.roots.handles.slots)).toEqual([object]);
        },
      };
    });
    expect(places).toBeGreaterThan(8);
  });

  test("a clone is adopted with its own object or not at all, when its handle is disposed of and the slot used anew", () => {
    const places = preempt(() => {
      const { heap, a } = three();
      const [object, next] = [heap.object(), heap.object()];
      const handle = heap.roots.handles.root(object);
      const message = structuredClone(handle) as HandleMessage;
      let got: unknown;
      return {
        heap,
        run: () => (got = outcome(() => a.roots.handles.adopt(message).ref)),
        meanwhile: () => {
          handle.dispose();
          heap.roots.handles.root(next);
        },
        check: () => expect([object, "ERR_ROOT_DISPOSED"]).toContain(got),
      };
    });
    expect(places).toBeGreaterThan(5);
  });

  test("slots that two threads free at once both come back", () => {
    const places = preempt(() => {
      const { heap, a, b } = three();
      const handles = Array.from({ length: 256 }, () => heap.roots.handles.root(null));
      const [first, second] = [handles[0]!.move(), handles[1]!.move()];
      a.roots.handles.root(null);
      b.roots.handles.root(null);
      const blocks = [...heap.roots.handles.slots.ranges()].length;
      return {
        heap, run: () => a.roots.handles.adopt(first), meanwhile: () => b.roots.handles.adopt(second),
        check: () => {
          const again = [heap.roots.handles.root(null).slot, heap.roots.handles.root(null).slot].sort((x, y) => x - y);
          expect([again, [...heap.roots.handles.slots.ranges()].length]).toEqual([[handles[0]!.slot, handles[1]!.slot].sort((x, y) => x - y), blocks]);
        },
      };
    });
    expect(places).toBeGreaterThan(8);
  });

  test("a slot that is freed while its owner looks for one is used now or later, not twice and not never", () => {
    const places = preempt(() => {
      const { heap, a } = three();
      const handles = Array.from({ length: 256 }, () => heap.roots.handles.root(null));
      const [first, second] = [handles[0]!.move(), handles[1]!.move()];
      a.roots.handles.adopt(first);
      const made: number[] = [];
      return {
        heap,
        run: () => made.push(heap.roots.handles.root(null).slot),
        meanwhile: () => void a.roots.handles.adopt(second),
        check: () => {
          made.push(heap.roots.handles.root(null).slot);
          expect(made.sort((x, y) => x - y)).toEqual([handles[0]!.slot, handles[1]!.slot].sort((x, y) => x - y));
        },
      };
    });
    expect(places).toBeGreaterThan(1);
  });

  test("a name leads to its own object or is unknown, when it is deleted and its word is another's", () => {
    const places = preempt(() => {
      const { heap, a } = three();
      const [object, next] = [heap.object(), heap.object()];
      heap.roots.named.set("name", object);
      a.roots.named.get("name");
      let got: unknown;
      return {
        heap,
        run: () => (got = outcome(() => a.roots.named.get("name"))),
        meanwhile: () => {
          heap.roots.named.delete("name");
          heap.roots.named.set("another", next);
        },
        check: () => expect([object, "ERR_ROOT_UNKNOWN"]).toContain(got),
      };
    });
    expect(places).toBeGreaterThan(1);
  });

  test("a name's object and type are of the same store", () => {
    const places = preempt(() => {
      const { heap, a } = three();
      const [object, next] = [heap.object(), heap.object()];
      heap.roots.named.set("name", object, 8);
      a.roots.named.getTyped("name");
      let got: unknown;
      return {
        heap,
        run: () => (got = a.roots.named.getTyped("name")),
        meanwhile: () => heap.roots.named.set("name", next, 16),
        check: () => expect([{ ref: object, type: 8 }, { ref: next, type: 16 }]).toContainEqual(got),
      };
    });
    expect(places).toBeGreaterThan(2);
  });

  test("two threads that set one name leave one root, and what both have stored reaches nobody else's", () => {
    const places = preempt(() => {
      const { heap, a, b } = three();
      const [object, next] = [heap.object(), heap.object()];
      return {
        heap, run: () => a.roots.named.set("name", object), meanwhile: () => b.roots.named.set("name", next),
        check: () => {
          expect(heap.roots.named.names()).toEqual(["name"]);
          expect(keptBy(heap, heap.roots.named)).toEqual([heap.roots.named.get("name")]);
        },
      };
    });
    expect(places).toBeGreaterThan(1);
  });

  test("two threads have the same object for a value, and one entry", () => {
    const places = preempt(() => {
      const { heap, a, b } = three();
      const ids: number[] = [];
      const make = (by: TestHeap) => () => void ids.push(by.roots.uniques.unique("value").id);
      return {
        heap, run: make(a), meanwhile: make(b),
        check: () => {
          expect(ids[0]).toBe(ids[1]);
          expect([heap.roots.uniques.count, heap.collect(), heap.specials.count, heap.specials.handles.count].map((n, i) => (i === 1 ? n <= 1 : n))).toEqual([1, true, 1, 1]);
        },
      };
    });
    expect(places).toBeGreaterThan(8);
  });

  test("of two finalizers of an object one is set, and the lists are whole", () => {
    const places = preempt(() => {
      const { heap, a, b } = three();
      const object = heap.object();
      const results: unknown[] = [];
      const set = (by: TestHeap) => () => void results.push(outcome(() => (by.roots.callbacks.setFinalizer(object, () => undefined), "set")));
      return {
        heap, run: set(a), meanwhile: set(b),
        check: () => {
          expect(results.sort()).toEqual(["ERR_FINALIZER", "set"]);
          expect([heap.specials.count, verifySpecials(heap.mem, heap.specials, heap.allSpans())]).toEqual([1, []]);
        },
      };
    });
    expect(places).toBeGreaterThan(1);
  });

  test("callbacks that become due while others are called are called too, each once", () => {
    const places = preempt(() => {
      const { heap, a } = three();
      const log: number[] = [];
      const [first, second] = [heap.object(), heap.object()];
      a.roots.callbacks.setFinalizer(first, () => log.push(1));
      a.roots.callbacks.addCleanup(second, () => log.push(2), 0);
      heap.collect([second]);
      return {
        heap, run: () => a.roots.turnStart(), meanwhile: () => void heap.collect(),
        check: () => {
          a.roots.turnStart();
          expect(log).toEqual([1, 2]);
        },
      };
    });
    expect(places).toBeGreaterThan(1);
  });
});
