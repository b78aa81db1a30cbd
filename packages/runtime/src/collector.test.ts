import { expect, test } from "vitest";
import { TestHeap, type TestP } from "./testing/test-p.ts";

/** A list of `n` nodes; the address of its head. */
function list(p: TestP, n: number): number {
  let head = 0;
  for (let i = 0; i < n; i++) head = p.node(head, 0, i);
  return head;
}

function lengthOf(p: TestP, head: number): number {
  let n = 0;
  for (let at = head; at !== 0; at = p.load(at, 0)) n++;
  return n;
}

function liveNodes(p: TestP): number {
  let n = 0;
  for (const row of statsOf(p)) n += row;
  return n;
}

function statsOf({ layers }: TestP): number[] {
  const counts: number[] = [];
  const { spans, pages } = layers;
  for (let page = pages.firstPage as number; page < pages.frontier.heapEnd; page++) {
    const s = pages.spanOf(page * 8192);
    if (s !== 0) counts.push(spans.countHandedOut(s));
  }
  return counts;
}

test("what a root leads to survives a cycle, and what nothing leads to does not", () => {
  const p = new TestHeap().attach();
  p.collector.turns.turn(() => {
    p.collector.roots.named.set("list", list(p, 1000));
    list(p, 5000);
  });
  expect(liveNodes(p)).toBe(6000);
  p.gc();
  expect(liveNodes(p)).toBe(1000);
  p.collector.turns.turn(() => {
    expect(lengthOf(p, p.collector.roots.named.get("list"))).toBe(1000);
    p.collector.roots.named.set("list", 0);
  });
  p.gc();
  expect(liveNodes(p)).toBe(0);
});
