/**
 * The layout page of the docs, made from the declarations that the code itself uses: tables from the region plan, records from their
 * declarations, locks from the lock order. A test compares the page in the tree with a new one, so that it cannot lie.
 */
import { heapLayout, type HeapLayout } from "@mallocgc/runtime";
import { FixAllocRecord, FrontierRecord, LOCK_ORDER, PersistentAllocRecord, type RecordLayout } from "@mallocgc/sysmem";

/** Where the page stands. */
export const LAYOUT_PAGE: URL = new URL("../../../docs/layout.md", import.meta.url);

/** What a record is and where it lies: the one thing that declarations do not say. */
const WHERE: Readonly<Record<string, string>> = {
  header: "what a thread must know to attach. At byte 64.",
  mspan: "a run of pages cut into slots. Handed out by a fixalloc, so they lie in the upper end of the region; and one, all zero, is the empty span of table `mcache`.",
  mcache: "what a P allocates from. Part of the P's record.",
  mcentral: "the spans of one span class that nobody's cache holds. 136 of them in table `mcentral`.",
  mheap: "the page heap. Table `mheap`.",
  pageCache: "64 pages in a row of which a P owns the free ones. Part of the P's record.",
  spanCache: "span records, and freed spans, that a P keeps at hand. Part of the P's record.",
  scavenger: "how much memory to give back, where the search for it begins, at what pace; figures are float64. Table `scavenger`; a word pair per chunk in `scavenger.chunks`.",
  p: "a thread that uses the heap. Table `processors`.",
  gc: "what all threads share of the collector. Table `gc`; only a collected heap has it, and the tables and records that follow.",
  gcP: "a P as the collector sees it. Part of the P's record.",
  gcCycle: "the figures of one cycle, all float64. 64 of them in table `gc.cycles`.",
  gcWorkLists: "through which markers share work. Table `gc.work`.",
  gcWork: "a P as a marker: its stack and what the kernel works in. At the upper end, made when a thread first is that P.",
  gcDeferred: "pointers that a marker has put off. Where the `deferred` word of a WorkRecord says, if it is not 0: from `persistentalloc`, when a background thread first marks a large heap. Never given back.",
  gcPause: "the longest pause of one cycle, float64. 264 of them in table `gc.pauses`, by cycle number modulo 264.",
  timeHistogram: "how long a P's pauses took: counts in Go's buckets, float64. Part of what a P has as a marker.",
  pacer: "when cycles begin and how large the heap may get; float64. Table `gc.pacer`.",
  "cpu-limiter": "the leaky bucket of collecting time; float64. Table `gc.limiter`.",
  "sweep-pacing": "how fast spans are to be swept; float64. Table `gc.sweepPacing`.",
  profile: "the heap profile: lock, cycle, bound, and the bucket of what found no room. Table `profile`; hash heads in `profile.index`.",
  profileBucket: "what was sampled under one stack, of objects of one size, by one thread; its frames follow. At the upper end, in pieces up to the bound.",
  profileFrame: "a frame of a stack. Beside the buckets.",
  profileString: "a function's, file's or thread's name; its bytes follow. Beside the buckets.",
  special: "a finalizer, cleanup, weak handle or profile sample of an object. Handed out by a fixalloc of table `specials`.",
  specialQueue: "callbacks that are due on one P. Table `specials.queues`.",
  weakHandle: "the word that weak refs of an object look through. Handed out by a fixalloc of table `specials`.",
  specials: "the specials lock, lists and counters. Table `specials`.",
  roots: "named roots, the directory of slots, unique values. Table `roots`.",
  processorRoots: "the free root slots of one P. Table `roots.processors`.",
  rootEntry: "a named root. At the upper end, in chunks.",
  uniqueEntry: "a unique value. At the upper end, in chunks.",
  type: "a declared type; its mask and text follow. At the upper end; the header leads to the newest.",
  frontier: "where heap and persistent end meet. Part of `mheap`.",
  persistentalloc: "memory for ever. Part of `mheap`.",
  fixalloc: "records of one size. Two of them in `mheap` (span records, masks of tiny blocks), two in `specials`.",
};

/** The page, as text. */
export function renderLayout(): string {
  const layout = heapLayout();
  const records = [...layout.records, FrontierRecord, PersistentAllocRecord, FixAllocRecord];
  return [
    "# The layout of a heap, word by word",
    "",
    "Made from the declarations in the code by `pnpm --filter @mallocgc/layout generate`; a test holds it equal to them. Do not edit.",
    "",
    "A word has 32 bits; an address is a byte offset; 0 is nil. What the layers do with these words: [architecture.md](architecture.md).",
    "",
    "## The region",
    "",
    "```",
    ...diagram(layout),
    "```",
    "",
    `The tables of a default heap (\`maxBytes\` ${bytes(layout.maxBytes)}, 64 threads, chunks of 512 pages). They take ${bytes(layout.end)}, and cost nothing until they are touched.`,
    "",
    "| table | from byte | bytes | what |",
    "|---|---:|---:|---|",
    ...layout.tables.map((t) => `| \`${t.name}\` | ${t.byteOffset} | ${t.bytes} | ${t.doc} |`),
    "",
    "The same for other sizes:",
    "",
    "| `maxBytes` | threads | pages in a chunk | tables | part of the region |",
    "|---|---:|---:|---:|---:|",
    ...([[1 << 20, 64], [16 << 20, 64], [64 << 20, 64], [1 << 30, 64], [1 << 30, 1024], [2 ** 32, 64]] as const).map(([maxBytes, maxThreads]) => {
      const { end } = heapLayout({ maxBytes, maxThreads });
      return `| ${bytes(maxBytes)} | ${maxThreads} | ${maxBytes < 64 << 20 ? 64 : 512} | ${bytes(end)} | ${((100 * end) / maxBytes).toFixed(2)} % |`;
    }),
    "",
    "## Locks",
    "",
    "Taken in this order, never two of one kind:",
    "",
    "| | lock | guards |",
    "|---:|---|---|",
    ...LOCK_ORDER.map(({ rank, name, guards }) => `| ${rank} | \`${name}\` | ${guards} |`),
    "",
    "## Records",
    "",
    "Who may touch a field: `const` written before the record is published, then read by all; `owner` plain, by the P (or whoever holds the record) alone;",
    "`atomic` by `Atomics` only; `lock:NAME` written under that lock, read outside it by `Atomics.load`.",
    "",
    ...records.flatMap(renderRecord),
  ].join("\n");
}

function diagram(layout: HeapLayout): string[] {
  const names = layout.tables.map((t) => t.name);
  const groups = [...new Set(names.map((name) => name.split(".")[0]!))];
  const boxes = `| nil | ${groups.join(" | ")} | heap pages ──►`;
  const right = "... ◄── persistent |";
  const tables = boxes.indexOf("| heap pages");
  return [
    `byte 0${" ".repeat(boxes.length + right.length - 12)}maxBytes`,
    `${boxes}  ${right}`,
    `|<${"-".repeat(Math.floor((tables - 16) / 2))} fixed tables ${"-".repeat(Math.ceil((tables - 16) / 2) - 2)}>|<-- grows up --        grows down -->|`,
  ];
}

function renderRecord(record: RecordLayout): string[] {
  const where = WHERE[record.name];
  if (where === undefined) throw new Error(`record ${record.name} has no line that says where it lies: add one to WHERE in tooling/layout/src/layout.ts`);
  let used = 0;
  const rows = Object.entries(record.fields).map(([name, field]) => {
    const words = field.words ?? 1;
    used += words;
    return `| ${record.offset[name]!} | ${words} | \`${name}\` | ${field.access} | ${field.doc} |`;
  });
  if (used < record.words) rows.push(`| ${used} | ${record.words - used} | | | not used |`);
  return [
    `### ${record.name}: ${record.words} words, ${record.words * 4} bytes`,
    "",
    `${where[0]!.toUpperCase()}${where.slice(1)}`,
    "",
    "| word | words | field | access | what |",
    "|---:|---:|---|---|---|",
    ...rows,
    "",
  ];
}

function bytes(n: number): string {
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]] as const) if (n >= size) return `${Number((n / size).toFixed(1))} ${unit}`;
  return `${n} B`;
}
