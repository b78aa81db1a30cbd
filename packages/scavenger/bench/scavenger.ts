/**
 * What the scavenger costs:
 *
 *     node --conditions=dev packages/scavenger/bench/scavenger.ts [NAME ...]
 */
import { MSpan, type SpanPtr } from "@mallocgc/mspan";
import { releasePages, residentBytes } from "@mallocgc/scavenger";
import { openOsPages } from "@mallocgc/sysmem";
import { run, time, type Figures } from "@mallocgc/testing";
// eslint-disable-next-line no-restricted-imports -- the test heap of this very package
import { TestScavenger } from "../src/testing/test-scavenger.ts";

const BATCH = 100;
const QUANTUM_PAGES = 8;
const KIB64 = 65536;

/** A span of a page or of 70, allocated and freed, with and without an index to be told of it. */
function allocFree(npages: number, told: boolean): Figures {
  const t = TestScavenger.create();
  if (!told) {
    t.heap.pages.index = undefined;
    t.heap.observer = undefined;
  }
  t.heap.free(t.heap.alloc(200, 1));
  t.heap.flush();
  return time(() => {
    for (let i = 0; i < BATCH; i++) t.heap.free(t.heap.alloc(npages, 1));
  }, BATCH);
}

/** The index is told of a page that is allocated and freed. */
function told(): Figures {
  const { index } = TestScavenger.create().scavenger;
  return time(() => {
    for (let i = 0; i < BATCH; i++) {
      index.alloc(5, 1);
      index.free(5, 17, 1);
    }
  }, BATCH);
}

/** A search that stops at the highest chunk of so many, and one over chunks with nothing to give. */
function find(chunks: number, nothing: boolean): Figures {
  const t = TestScavenger.create({}, { maxBytes: 1 << 30, chunkPages: 512 });
  const { index } = t.scavenger;
  const top = 200;
  index.alloc(top, 512);
  index.free(top, 511, 1);
  if (nothing) {
    index.setEmpty(top);
    index.alloc(top - chunks, 512);
    index.free(top - chunks, 511, 1);
  }
  const hint = top * 512 + 511;
  const { mem } = t.heap;
  const at = mem.indexOf(-hint);
  return time(() => {
    for (let i = 0; i < BATCH; i++) {
      mem[at] = hint;
      if (index.find(true) === 0) throw new Error("nothing found");
    }
  }, BATCH);
}

/** A quantum that is touched again each time: what the release of 64 KiB takes, by the real operating system, and what the touching. */
function quantum(what: "scavenge" | "touch"): Figures {
  const t = TestScavenger.create();
  const os = openOsPages(t.region);
  t.os.pageSize = os.pageSize;
  t.os.release = (at, n) => os.release(at, n);
  const s: SpanPtr = t.heap.alloc(QUANTUM_PAGES * 4, 1);
  const word = t.heap.mem[s + MSpan.offset.startAddr]! >>> 2;
  t.heap.free(s);
  t.heap.flush();
  t.scavenger.scavengeAll();
  let ns = 0;
  let n = 0;
  const until = performance.now() + 600;
  while (performance.now() < until) {
    const a = process.hrtime.bigint();
    const again = t.heap.alloc(QUANTUM_PAGES, 1);
    for (let i = 0; i < (QUANTUM_PAGES * 8192) / 4; i += 1024) t.heap.mem[word + i] = 1;
    t.heap.free(again);
    t.heap.flush();
    const b = process.hrtime.bigint();
    if (t.scavenger.scavengeAll() !== QUANTUM_PAGES * 8192) throw new Error("not released");
    const c = process.hrtime.bigint();
    ns += Number(what === "touch" ? b - a : c - b);
    n++;
  }
  return { n, ns: ns / n };
}

function page(what: "release" | "resident"): Figures {
  const { buffer } = new WebAssembly.Memory({ initial: 16, maximum: 16, shared: true });
  return time(() => {
    for (let i = 0; i < BATCH; i++) {
      if (what === "release") releasePages(buffer, 0, KIB64);
      else residentBytes(buffer, 0, KIB64);
    }
  }, BATCH);
}

await run(import.meta.url, {
  "AllocFree/npages=1/way=untold": () => allocFree(1, false),
  "AllocFree/npages=1/way=told": () => allocFree(1, true),
  "AllocFree/npages=70/way=untold": () => allocFree(70, false),
  "AllocFree/npages=70/way=told": () => allocFree(70, true),
  "Index/alloc+free": told,
  "Find/chunks=1": () => find(1, false),
  "Find/chunks=200": () => find(199, true),
  "Quantum/scavenge": () => quantum("scavenge"),
  "Quantum/touch": () => quantum("touch"),
  "ReleasePages/bytes=65536": () => page("release"),
  "ResidentBytes/bytes=65536": () => page("resident"),
}, 3);
