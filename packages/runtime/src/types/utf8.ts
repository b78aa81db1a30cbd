/**
 * Text to UTF-8 in the region, and back.
 *
 * Three ways, by what the text is and where the code runs (packages/runtime/bench/strings.ts measures them):
 *
 *   - up to {@link SHORT} bytes of ASCII: a loop over the memory, without a call out of JavaScript;
 *   - in Node (Deno, Bun): `Buffer`, which reads and writes shared memory in place;
 *   - elsewhere: TextDecoder and TextEncoder over a copy, since in a browser they take no shared memory.
 *
 * **Lone surrogates.** A JavaScript string may hold half of a surrogate pair, for which UTF-8 has no form. It is written as
 * the three bytes that UTF-8's scheme would give it (WTF-8), so that each string comes back as it was; decoders of UTF-8
 * elsewhere will replace those bytes. Whoever decodes has to know that there are some: `wellFormed` is false then.
 */

/** Up to so many bytes of ASCII, a loop is fastest. */
const SHORT = 16;

/** Methods of Node's Buffer that are used here; declared, since the types of this package know no Node. */
interface NodeBuffer {
  toString(encoding: string, start: number, end: number): string;
  write(text: string, offset: number, length: number, encoding: string): number;
}
interface NodeBufferClass {
  from(buffer: ArrayBufferLike, offset: number, length: number): NodeBuffer;
  byteLength(text: string, encoding: string): number;
}

/** Whether to use Node's Buffer where it is there; a test says no, to test what browsers do. */
export interface Utf8Options {
  readonly buffer?: boolean;
}

const fromCharCode = String.fromCharCode;
/** Bytes of the copy that is kept; longer texts get one of their own. */
const SCRATCH_BYTES = 16384;

/** One thread's way to write text into one memory. */
export class Utf8 {
  private readonly u8: Uint8Array;
  private readonly node: NodeBuffer | undefined;
  private readonly nodeClass: NodeBufferClass | undefined;
  private readonly encoder: TextEncoder = new TextEncoder();
  private readonly decoder: TextDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
  private readonly scratch: Uint8Array<ArrayBuffer> = new Uint8Array(SCRATCH_BYTES);

  constructor(u8: Uint8Array, options: Utf8Options = {}) {
    this.u8 = u8;
    this.nodeClass = options.buffer === false ? undefined : (globalThis as { Buffer?: NodeBufferClass }).Buffer;
    this.node = this.nodeClass?.from(u8.buffer, 0, u8.length);
  }

  /** Bytes that `text` takes; equal to its length if and only if it is ASCII. */
  byteLength(text: string): number {
    const n = text.length;
    if (n <= SHORT && isAscii(text)) return n;
    // A lone surrogate takes three bytes here as does the character that replaces it there.
    return this.nodeClass !== undefined ? this.nodeClass.byteLength(text, "utf8") : countBytes(text);
  }

  /** Writes `text`, which takes `nbytes`, to `addr`. */
  write(text: string, addr: number, nbytes: number): void {
    const n = text.length;
    if (nbytes === n && n <= SHORT) {
      const u8 = this.u8;
      for (let i = 0; i < n; i++) u8[addr + i] = text.charCodeAt(i);
    } else if (nbytes !== n && !text.isWellFormed()) {
      this.writeUnits(text, addr);
    } else if (this.node !== undefined) {
      this.node.write(text, addr, nbytes, nbytes === n ? "latin1" : "utf8");
    } else if (nbytes <= SCRATCH_BYTES) {
      this.encoder.encodeInto(text, this.scratch);
      this.u8.set(this.scratch.subarray(0, nbytes), addr);
    } else {
      this.u8.set(this.encoder.encode(text), addr);
    }
  }

  /** The text of `nbytes` at `addr`, that are `length` UTF-16 units. */
  read(addr: number, nbytes: number, length: number, wellFormed: boolean): string {
    const ascii = nbytes === length;
    if (ascii && nbytes <= SHORT) return this.readShort(addr, nbytes);
    if (!wellFormed) return this.readUnits(addr, nbytes);
    if (this.node !== undefined) return this.node.toString(ascii ? "latin1" : "utf8", addr, addr + nbytes);
    if (nbytes > SCRATCH_BYTES) return this.decoder.decode(this.u8.slice(addr, addr + nbytes));
    this.scratch.set(this.u8.subarray(addr, addr + nbytes));
    return this.decoder.decode(this.scratch.subarray(0, nbytes));
  }

  /** Whether the text of `nbytes` at `addr` is `text`, which has as many UTF-16 units. Decodes nothing. */
  equals(addr: number, nbytes: number, text: string): boolean {
    const u8 = this.u8;
    const n = text.length;
    let at = addr;
    const end = addr + nbytes;
    for (let i = 0; i < n; i++) {
      const unit = text.charCodeAt(i);
      if (unit < 0x80) {
        if (u8[at] !== unit) return false;
        at++;
        continue;
      }
      const code = text.codePointAt(i)!;
      if (code > 0xffff) i++;
      at = this.match(at, code);
      if (at === 0) return false;
    }
    return at === end;
  }

  /** The address after the character `code` of two bytes or more at `at`; 0 when it is not there. */
  private match(at: number, code: number): number {
    const u8 = this.u8;
    if (code < 0x800) return u8[at] === (0xc0 | (code >> 6)) && u8[at + 1] === (0x80 | (code & 63)) ? at + 2 : 0;
    const last = code < 0x10000 ? at + 2 : at + 3;
    const lead = code < 0x10000 ? 0xe0 | (code >> 12) : 0xf0 | (code >> 18);
    if (u8[at] !== lead) return 0;
    for (let p = last, rest = code; p > at; p--, rest >>= 6) if (u8[p] !== (0x80 | (rest & 63))) return 0;
    return last + 1;
  }

  /** In calls of eight: one string for each, and few to join. */
  private readShort(addr: number, nbytes: number): string {
    const u8 = this.u8;
    let text = "";
    let p = addr;
    const end = addr + nbytes;
    for (; p + 8 <= end; p += 8) text += fromCharCode(u8[p]!, u8[p + 1]!, u8[p + 2]!, u8[p + 3]!, u8[p + 4]!, u8[p + 5]!, u8[p + 6]!, u8[p + 7]!);
    if (p + 4 <= end) {
      text += fromCharCode(u8[p]!, u8[p + 1]!, u8[p + 2]!, u8[p + 3]!);
      p += 4;
    }
    for (; p < end; p++) text += fromCharCode(u8[p]!);
    return text;
  }

  /** Character by character, lone surrogates too. */
  private writeUnits(text: string, addr: number): void {
    const u8 = this.u8;
    let p = addr;
    for (let i = 0; i < text.length; i++) {
      const code = text.codePointAt(i)!;
      if (code < 0x80) {
        u8[p++] = code;
      } else if (code < 0x800) {
        u8[p++] = 0xc0 | (code >> 6);
        u8[p++] = 0x80 | (code & 63);
      } else {
        if (code > 0xffff) {
          i++;
          u8[p++] = 0xf0 | (code >> 18);
          u8[p++] = 0x80 | ((code >> 12) & 63);
        } else {
          u8[p++] = 0xe0 | (code >> 12);
        }
        u8[p++] = 0x80 | ((code >> 6) & 63);
        u8[p++] = 0x80 | (code & 63);
      }
    }
  }

  private readUnits(addr: number, nbytes: number): string {
    const u8 = this.u8;
    const end = addr + nbytes;
    let text = "";
    for (let p = addr; p < end; ) {
      const lead = u8[p]!;
      const more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
      let code = more === 0 ? lead : lead & (0x3f >> more);
      for (let i = 1; i <= more; i++) code = (code << 6) | (u8[p + i]! & 63);
      text += String.fromCodePoint(code);
      p += more + 1;
    }
    return text;
  }
}

function isAscii(text: string): boolean {
  let all = 0;
  for (let i = 0; i < text.length; i++) all |= text.charCodeAt(i);
  return all < 0x80;
}

function countBytes(text: string): number {
  let n = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) {
      n++;
    } else if (unit >= 0xd800 && unit < 0xdc00 && text.codePointAt(i)! > 0xffff) {
      // A pair: two units, four bytes.
      n += 2;
      i++;
    } else {
      n += 2;
    }
  }
  return n;
}
