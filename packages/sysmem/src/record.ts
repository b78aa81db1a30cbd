/**
 * Record layouts, declared once as data.
 *
 * A record is a run of 32-bit words. Its declaration names each field, says who may touch it and what it holds; offsets
 * follow from the order of the fields. Accessors, the verifier, the visualiser and the layout page of the docs all read
 * this one declaration, so they cannot disagree. Hot code binds the offsets it needs to file-local constants:
 *
 *     const { freeIndex: FREE_INDEX } = MSpan.offset;   // folded by V8, unlike an imported constant
 */

/**
 * Who may touch a field:
 * `const` written before the record is published, then read by all; `owner` plain, by the owning P (or by whoever holds
 * the record alone); `atomic` only through `Atomics`; `lock:NAME` written under that lock, read outside it with
 * `Atomics.load`.
 */
export type Access = "const" | "owner" | "atomic" | `lock:${string}`;

/** A field of a record: who may touch it, what it holds, and how many words it takes (1 unless said). */
export interface FieldSpec {
  readonly access: Access;
  readonly doc: string;
  readonly words?: number;
}

/** A record's layout, as made by {@link record}. Offsets and sizes are in 32-bit words. */
export interface RecordLayout<K extends string = string> {
  readonly name: string;
  readonly words: number;
  readonly fields: Readonly<Record<K, FieldSpec>>;
  readonly offset: Readonly<Record<K, number>>;
}

/** Names that keep their order in a JavaScript object: one like "0" would move to the front. */
const FIELD_NAME = /^[a-z][A-Za-z0-9]*$/;

/**
 * Lays out a record of `words` 32-bit words, its fields one after another in the order given.
 *
 * @throws RangeError when the declaration is wrong: a field with an unusable name or size, or more fields than `words` hold.
 */
export function record<K extends string>(
  name: string,
  words: number,
  fields: Readonly<Record<K, FieldSpec>>,
): RecordLayout<K> {
  const offset = {} as Record<K, number>;
  let at = 0;
  for (const key of Object.keys(fields) as K[]) {
    const size = fields[key].words ?? 1;
    if (!FIELD_NAME.test(key)) throw new RangeError(`record ${name}: a field is named in camelCase, not "${key}"`);
    if (!Number.isInteger(size) || size < 1) throw new RangeError(`record ${name}: field ${key} takes a whole number of words, not ${String(size)}`);
    offset[key] = at;
    at += size;
  }
  if (!(at <= words)) throw new RangeError(`record ${name}: its fields take ${at} words, declared are ${words}`);
  return Object.freeze({ name, words, fields, offset: Object.freeze(offset) });
}
