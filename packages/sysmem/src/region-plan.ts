/**
 * Where each table of the region lies, computed from one list.
 *
 * Each layer names the tables it needs (`TableSpec`); the runtime puts the lists of all layers together and lays them
 * out in that order. Nothing else in the project knows an absolute offset. Two threads that lay out the same list get
 * the same places, and `planFingerprint` proves it when a thread attaches: a thread with another version of the code,
 * whose tables or record fields lie elsewhere, is found out before it touches anything.
 */
import { alignUp, type Ptr } from "./addr.ts";
import type { RecordLayout } from "./record.ts";

/** A table that some layer keeps in the region. `align` is in bytes, a power of two, at least 4. */
export interface TableSpec {
  readonly name: string;
  readonly bytes: number;
  readonly align: number;
  readonly doc: string;
}

/** A table with its place: byte offset and word index of its first word. */
export interface PlacedTable extends TableSpec {
  readonly byteOffset: number;
  readonly ptr: Ptr;
}

/** The tables of a region in address order, and the first byte after them. */
export interface RegionPlan {
  readonly tables: readonly PlacedTable[];
  readonly end: number;
  /** The word index of the table of that name. Throws when there is none. */
  at(name: string): Ptr;
}

/**
 * Lays tables out one after another, from byte `start` on.
 *
 * @throws RangeError when the declaration is wrong: a name twice, a size that is no whole number, an alignment that is no
 * power of two or less than 4.
 */
export function planRegion(specs: readonly TableSpec[], start: number): RegionPlan {
  const tables: PlacedTable[] = [];
  const byName = new Map<string, Ptr>();
  let end = start;
  for (const spec of specs) {
    if (byName.has(spec.name)) throw new RangeError(`region plan: table ${spec.name} is declared twice`);
    if (!Number.isSafeInteger(spec.bytes) || spec.bytes < 0) throw new RangeError(`region plan: table ${spec.name} takes a whole number of bytes, not ${String(spec.bytes)}`);
    if (!(spec.align >= 4) || !Number.isInteger(Math.log2(spec.align))) throw new RangeError(`region plan: table ${spec.name} aligns to a power of two from 4, not ${String(spec.align)}`);
    const byteOffset = alignUp(end, spec.align);
    const ptr = (byteOffset / 4) as Ptr;
    tables.push({ ...spec, byteOffset, ptr });
    byName.set(spec.name, ptr);
    end = byteOffset + spec.bytes;
  }
  return {
    tables,
    end,
    at(name: string): Ptr {
      const ptr = byName.get(name);
      if (ptr === undefined) throw new RangeError(`region plan: no table ${name}`);
      return ptr;
    },
  };
}

/**
 * A 32-bit hash (FNV-1a) of the tables' names, places and sizes, and of the records' fields and their offsets: two threads whose
 * layouts differ get two values (but for one chance in 2^32).
 */
export function planFingerprint(plan: RegionPlan, records: readonly RecordLayout[] = []): number {
  let h = 0x811c9dc5;
  const mix = (text: string): void => {
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  };
  for (const t of plan.tables) mix(`${t.name}:${t.byteOffset}:${t.bytes};`);
  for (const r of records) {
    mix(`${r.name}:${r.words}{`);
    for (const [field, at] of Object.entries(r.offset)) mix(`${field}:${at};`);
    mix("}");
  }
  return h | 0;
}
