/**
 * Go's older text form of a heap profile, `debug=1`: for people, and still read by `go tool pprof`.
 *
 *     heap profile: 4: 4096 [7: 9216] @ heap/1048576        in use, [allocated], twice the rate
 *     1: 1024 [2: 2048] @ 0x4a1f30c21 0x7be0110a5           one bucket, raw; return addresses, innermost first
 *     #       0x4a1f30c20     build+0x20      index.ts:12   what they are, for people
 *
 *     # runtime.MemStats                                    figures, when the source has them
 *
 * `pprof` tells stacks apart by addresses, and JavaScript has none, so each place gets one made from a hash of function, file, line and column:
 * the same in every profile and every run, and no information beyond that. To see names in `pprof`, give it the binary form.
 */
import { LocationTable, type LocationEntry } from "./location-table.ts";
import { checkProfile, type HeapProfile, type MemProfileRecord } from "./records.ts";
import { memStatsLines, type MemStatsFigures } from "./mem-stats-lines.ts";

/**
 * The profile in Go's text form.
 *
 * @throws PprofExportError `ERR_PPROF_RECORD` for records that cannot be.
 */
export function legacyText(profile: HeapProfile, memStats?: MemStatsFigures): string {
  checkProfile(profile);
  const records = profile.records.toSorted((a, b) => inUseBytes(a) - inUseBytes(b));
  const table = new LocationTable();
  const places = new Map<number, Place>();
  const placeOf = (id: number): Place => {
    let place = places.get(id);
    if (place === undefined) places.set(id, (place = placeAt(table.locations[id - 1]!)));
    return place;
  };

  const parts = [header(profile)];
  for (const r of records) {
    const stack = table.idsOf(r.stack).map(placeOf);
    const addresses = stack.map(({ returnAddress }) => returnAddress).join("");
    parts.push(`${r.allocObjects - r.freeObjects}: ${inUseBytes(r)} [${r.allocObjects}: ${r.allocBytes}] @${addresses}\n${comments(stack)}`);
  }
  if (memStats !== undefined) parts.push("", ...memStatsLines(memStats));
  return `${parts.join("\n")}\n`;
}

function header({ records, rate }: HeapProfile): string {
  const sum = (of: (record: MemProfileRecord) => number): number => records.reduce((total, record) => total + of(record), 0);
  const inUse = sum(inUseBytes);
  let alloc = sum((r) => r.allocBytes);
  // With equal figures pprof would take it for a profile of two columns, which cannot be compared with one of four. It uses them for nothing else.
  if (alloc === inUse) alloc++;
  // The C++ profiler, for which pprof was made, reports twice the rate.
  return `heap profile: ${sum((r) => r.allocObjects - r.freeObjects)}: ${inUse} [${sum((r) => r.allocObjects)}: ${alloc}] @ heap/${2 * Math.trunc(rate)}`;
}

function inUseBytes(record: MemProfileRecord): number {
  return record.allocBytes - record.freeBytes;
}

interface Place {
  /** The byte after the call's, with a space before it; pprof subtracts it again. */
  readonly returnAddress: string;
  readonly cells: readonly [address: string, name: string];
  readonly line: string;
  /** Its comment, by the widths of the columns. */
  readonly written: Map<number, string>;
}

/** 32 bits for the function, 20 for the place in it: 52 bits, which a number holds exactly. */
function placeAt({ function: f, line, column }: LocationEntry): Place {
  const entry = hash(`${f.fileName}\0${f.name}`) * 2 ** 20;
  const offset = hash(`${line}:${column}`) >>> 12;
  const address = entry + offset;
  return { returnAddress: ` ${hex(address + 1)}`, cells: [hex(address), `${printable(f.name)}+${hex(offset)}`], line: `${printable(f.fileName)}:${line}`, written: new Map() };
}

/** FNV-1a over UTF-16 code units. */
function hash(text: string): number {
  let h = 2166136261;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return h >>> 0;
}

/** A name may hold anything; a line of text may not. */
function printable(name: string): string {
  return name.replace(/\p{Cc}+/gu, " ");
}

function hex(n: number): string {
  return `0x${n.toString(16)}`;
}

/** Columns that begin at multiples of 8, as Go's tabwriter lays out the lines of one stack: the widest cell leaves a tab free behind it. */
function comments(stack: readonly Place[]): string {
  let tabs0 = 0;
  let tabs1 = 0;
  for (const { cells } of stack) {
    tabs0 = Math.max(tabs0, (cells[0].length >>> 3) + 1);
    tabs1 = Math.max(tabs1, (cells[1].length >>> 3) + 1);
  }
  return stack.map((place) => commentLine(place, tabs0, tabs1)).join("");
}

/** A place is in many stacks, and their columns are mostly as wide. */
function commentLine({ cells, line, written }: Place, tabs0: number, tabs1: number): string {
  const key = tabs0 * 2 ** 16 + tabs1;
  let text = written.get(key);
  if (text === undefined) {
    const [address, name] = cells;
    text = `#\t${address}${"\t".repeat(tabs0 - (address.length >>> 3))}${name}${"\t".repeat(tabs1 - (name.length >>> 3))}${line}\n`;
    written.set(key, text);
  }
  return text;
}
