/**
 * Strings in the heap, by their length: making one in a field (with its allocation), reading it, and comparing it without decoding.
 *
 *     node --conditions=dev packages/runtime/bench/strings.ts
 *
 * `by=buffer` is Node; `by=encoder` is the same without Node's Buffer, as in a browser. One operation is one of 64 strings.
 */
import { array, createHeap, str } from "@mallocgc/runtime";
import { run, time, type Figures } from "@mallocgc/testing";

const COUNT = 64;
const ALPHABETS = { ascii: "abcdefghijklmnopqrstuvwxyz", greek: "αβγδεζηθικλμνξοπ" };
let sink = 0;

function measure(what: "Set" | "Get" | "Equals", alphabet: string, length: number, buffer: boolean): Figures {
  if (!buffer) Reflect.deleteProperty(globalThis, "Buffer");
  const heap = createHeap({ maxBytes: 128 << 20, gcWorkers: 0 });
  const Texts = heap.type(array(str));
  const texts = Array.from({ length: COUNT }, (_, i) => Array.from({ length }, (_, k) => alphabet[(i + k * 7) % alphabet.length]!).join(""));
  const list = heap.new(Texts, texts).$ref;
  // A turn ends in each round, so that what is overwritten can be collected.
  const keep = heap.root(list);
  const ways = {
    Set: (i: number): number => {
      Texts.at.set(list, i, texts[i]!);
      return 1;
    },
    Get: (i: number): number => Texts.at.get(list, i).length,
    Equals: (i: number): number => (Texts.at.equals(list, i, texts[i]!) ? 1 : 0),
  };
  const way = ways[what];
  const figures = time(() => {
    for (let i = 0; i < COUNT; i++) sink += way(i);
    if (what === "Set") heap.safepoint();
  }, COUNT, 100);
  keep[Symbol.dispose]();
  if (sink === 0.1) throw new Error("cannot be");
  return figures;
}

const cases: Record<string, () => Figures> = {};
for (const what of ["Set", "Get", "Equals"] as const) {
  for (const [text, alphabet] of Object.entries(ALPHABETS)) {
    for (const length of [8, 16, 64, 1000]) {
      for (const buffer of what === "Equals" ? [true] : [true, false]) {
        cases[`${what}/text=${text}/length=${length}/by=${buffer ? "buffer" : "encoder"}`] = () => measure(what, alphabet, length, buffer);
      }
    }
  }
}
await run(import.meta.url, cases, 3);
