/**
 * Which code points belong to a term, and how they are lower-cased: Unicode's own tables, as this Node knows them.
 *
 * A code point belongs to a term when it is a letter, a mark, a number or `_`. Its lower case is the code point that
 * `toLowerCase` gives when that is a single one, else itself (only U+0130, the dotted capital I, has two).
 *
 * The first 2^16 code points are kept in a table that fills as text needs it; 0 means not asked yet.
 */

/** The code point ends a term. */
export const SEPARATOR = 0x110000;

const WORD = /^[\p{L}\p{M}\p{N}_]$/u;

const bmp: Int32Array = new Int32Array(0x10000);

/** The lower-case form of a code point that belongs to a term, else `SEPARATOR`. */
export function fold(codePoint: number): number {
  if (codePoint >= 0x10000) return foldSlow(codePoint);
  const known = bmp[codePoint]!;
  if (known !== 0) return known;
  return (bmp[codePoint] = foldSlow(codePoint));
}

function foldSlow(codePoint: number): number {
  const char = String.fromCodePoint(codePoint);
  if (!WORD.test(char)) return SEPARATOR;
  const lower = char.toLowerCase();
  const first = lower.codePointAt(0)!;
  return String.fromCodePoint(first) === lower ? first : codePoint;
}
