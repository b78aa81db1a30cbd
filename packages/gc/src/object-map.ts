/**
 * Which words of an object are pointers, read from the heap as a marker reads it, but in plain steps: for the verifier, the second mark
 * and whoever asks why an object is alive. The marking kernel does the same in its own way; a test holds the two together.
 *
 *     noscan span                       none
 *     slot of at most 128 B             the heap bits at the span's end
 *     slot above, with pointers         the type in the 8-byte header
 *     large, with pointers              the type in the span's record
 *
 * The collector's part of a type, in words: size, kind (0 struct, 1 array), words up to the last pointer of the struct or element, bytes of an element, then the
 * mask. An array's first word is its length, its elements begin at byte 8.
 */
import { MALLOC_HEADER_SIZE, MIN_SIZE_FOR_MALLOC_HEADER } from "@mallocgc/sizeclass";
import { MSpan, type SpanPtr, type Spans } from "@mallocgc/mspan";
import type { Region } from "@mallocgc/sysmem";

const { spanClass: SPAN_CLASS, elemSize: ELEM_SIZE, heapBits: HEAP_BITS, largeType: LARGE_TYPE, startAddr: START_ADDR } = MSpan.offset;
const HEADER = MALLOC_HEADER_SIZE;
const HEADER_ABOVE = MIN_SIZE_FOR_MALLOC_HEADER;

/** A struct: the mask is that of the whole. */
export const KIND_STRUCT = 0;
/** An array: the mask is that of an element and repeats. */
export const KIND_ARRAY = 1;
/** Words of the collector's part of a type before its mask. */
export const TYPE_MASK = 4;

/** The pointer maps of one region's objects. */
export class ObjectMap {
  private readonly mem: Int32Array;
  private readonly spans: Spans;

  constructor(region: Region, spans: Spans) {
    this.mem = region.i32;
    this.spans = spans;
  }

  /** Bytes of type header in front of the objects of a span. */
  headerOf(s: SpanPtr): number {
    const spanClass = this.mem[s + SPAN_CLASS]!;
    return spanClass > 1 && (spanClass & 1) === 0 && this.mem[s + ELEM_SIZE]! > HEADER_ABOVE ? HEADER : 0;
  }

  /** Whether the objects of a span are never scanned. */
  isNoscan(s: SpanPtr): boolean {
    return (this.mem[s + SPAN_CLASS]! & 1) === 1;
  }

  /** Calls `visit` with the byte address of each pointer word of the slot's object. */
  forEachPointer(s: SpanPtr, slot: number, visit: (addr: number) => void): void {
    const mem = this.mem;
    if (this.isNoscan(s)) return;
    const base = this.spans.slotAddr(s, slot);
    const end = base + (mem[s + ELEM_SIZE]! >>> 0);
    const heapBits = mem[s + HEAP_BITS]!;
    if (heapBits !== 0) {
      const first = (base - (mem[s + START_ADDR]! >>> 0)) >>> 2;
      for (let i = 0; i < (end - base) >>> 2; i++) {
        const bit = first + i;
        if (((mem[heapBits + (bit >>> 5)]! >>> (bit & 31)) & 1) === 1) visit(base + 4 * i);
      }
      return;
    }
    const header = this.headerOf(s);
    const type = header === 0 ? mem[s + LARGE_TYPE]! >>> 0 : mem[base >>> 2]! >>> 0;
    if (type !== 0) this.byType(type >>> 2, base + header, end, visit);
  }

  private byType(type: number, object: number, end: number, visit: (addr: number) => void): void {
    const mem = this.mem;
    const kind = mem[type + 1]!;
    const ptrWords = mem[type + 2]!;
    const elemSize = mem[type + 3]!;
    const first = kind === KIND_ARRAY ? object + 8 : object;
    const count = kind === KIND_ARRAY ? Math.min(mem[object >>> 2]! >>> 0, Math.floor((end - first) / Math.max(elemSize, 1))) : 1;
    for (let i = 0; i < count; i++) {
      for (let w = 0; w < ptrWords; w++) {
        if (((mem[type + TYPE_MASK + (w >>> 5)]! >>> (w & 31)) & 1) === 1) visit(first + i * elemSize + 4 * w);
      }
    }
  }
}
