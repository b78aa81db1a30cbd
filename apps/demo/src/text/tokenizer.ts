/**
 * Cuts UTF-8 bytes into terms.
 *
 * A **term** is a longest run of letters, marks, numbers and `_` (letters.ts), lower-cased, of at most 64 bytes. A longer run
 * is no term: in real text it is a hash, a key or embedded data. Bytes that are not valid UTF-8 separate terms. There is
 * no stemming and no stop list, so that a query can be checked by counting.
 *
 * The tokenizer is pulled: after `next()` returned true, the term's bytes are `term[0..length)`, its hash is `hash`.
 * ASCII takes one table look-up per byte; anything else is decoded, folded and encoded again by `wideSlow`.
 */
import { SEPARATOR, fold } from "./letters.ts";

/** The longest term, in bytes. */
export const MAX_TERM_BYTES = 64;

/** Table entry of a byte that is not ASCII; other entries are the folded byte, or 0 for a separator. */
const WIDE = 0xff;

const ASCII: Uint8Array = new Uint8Array(256).fill(WIDE, 0x80);
for (let c = 0; c < 0x80; c++) {
  const folded = fold(c);
  ASCII[c] = folded === SEPARATOR ? 0 : folded;
}

const FNV_BASIS = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

/** The hash of a term: FNV-1a, then mixed so that its upper bits (the shard) and lower bits (the slot) are both good. */
export function hashTerm(bytes: Uint8Array, length: number): number {
  let h = FNV_BASIS;
  for (let i = 0; i < length; i++) h = Math.imul(h ^ bytes[i]!, FNV_PRIME);
  return mix(h);
}

function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Reads the terms of one piece of text after another. */
export class Tokenizer {
  /** The current term's bytes, of which `length` count. */
  readonly term: Uint8Array = new Uint8Array(MAX_TERM_BYTES + 4);
  length = 0;
  hash = 0;
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  private end = 0;

  /** Starts on the first `end` bytes of `bytes`. */
  begin(bytes: Uint8Array, end: number): void {
    this.bytes = bytes;
    this.at = 0;
    this.end = end;
  }

  /** Moves to the next term; false at the end of the text. */
  next(): boolean {
    const { bytes, term, end } = this;
    let at = this.at;
    let length = 0;
    let h = FNV_BASIS;
    for (;;) {
      const c = at < end ? ASCII[bytes[at++]!]! : 0;
      if (c !== 0 && c !== WIDE) {
        // Past the limit the run goes on but is no longer stored: `length` alone says that it is too long.
        if (length < MAX_TERM_BYTES) term[length] = c;
        length++;
        h = Math.imul(h ^ c, FNV_PRIME);
        continue;
      }
      if (c === WIDE) {
        this.at = at - 1;
        const added = this.wideSlow(Math.min(length, MAX_TERM_BYTES));
        at = this.at;
        if (added > 0) {
          for (let i = 0; i < added && length + i < MAX_TERM_BYTES; i++) h = Math.imul(h ^ term[length + i]!, FNV_PRIME);
          length += added;
          continue;
        }
      }
      if (length > 0 && length <= MAX_TERM_BYTES) {
        this.at = at;
        this.length = length;
        this.hash = mix(h);
        return true;
      }
      if (at >= end) {
        this.at = at;
        return false;
      }
      length = 0;
      h = FNV_BASIS;
    }
  }

  /**
   * Decodes the code point at `at`, which is not ASCII, moves past it, and writes its folded form to `term` from `length`
   * on. Returns the bytes written, or 0 when it separates terms.
   */
  private wideSlow(length: number): number {
    const { bytes, end, term } = this;
    const at = this.at;
    const lead = bytes[at]!;
    const size = lead >= 0xf5 || lead < 0xc2 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    this.at = at + 1;
    if (size === 1 || at + size > end) return 0;
    let codePoint = lead & (0xff >> (size + 1));
    for (let i = 1; i < size; i++) {
      const byte = bytes[at + i]!;
      if ((byte & 0xc0) !== 0x80) return 0;
      codePoint = (codePoint << 6) | (byte & 0x3f);
    }
    const overlong = codePoint < (size === 4 ? 0x10000 : size === 3 ? 0x800 : 0x80);
    if (overlong || codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint < 0xe000)) return 0;
    this.at = at + size;
    const folded = fold(codePoint);
    return folded === SEPARATOR ? 0 : encode(folded, term, length);
  }
}

/** Writes a code point as UTF-8 at `at`, and returns how many bytes it took. */
function encode(codePoint: number, out: Uint8Array, at: number): number {
  if (codePoint < 0x80) {
    out[at] = codePoint;
    return 1;
  }
  if (codePoint < 0x800) {
    out[at] = 0xc0 | (codePoint >> 6);
    out[at + 1] = 0x80 | (codePoint & 0x3f);
    return 2;
  }
  if (codePoint < 0x10000) {
    out[at] = 0xe0 | (codePoint >> 12);
    out[at + 1] = 0x80 | ((codePoint >> 6) & 0x3f);
    out[at + 2] = 0x80 | (codePoint & 0x3f);
    return 3;
  }
  out[at] = 0xf0 | (codePoint >> 18);
  out[at + 1] = 0x80 | ((codePoint >> 12) & 0x3f);
  out[at + 2] = 0x80 | ((codePoint >> 6) & 0x3f);
  out[at + 3] = 0x80 | (codePoint & 0x3f);
  return 4;
}

/** The terms of a piece of text, as the index would cut it: how a query's words become terms. */
export function termsOf(text: string): Uint8Array[] {
  const bytes = new TextEncoder().encode(text);
  const tokenizer = new Tokenizer();
  const terms: Uint8Array[] = [];
  tokenizer.begin(bytes, bytes.length);
  while (tokenizer.next()) terms.push(tokenizer.term.slice(0, tokenizer.length));
  return terms;
}
