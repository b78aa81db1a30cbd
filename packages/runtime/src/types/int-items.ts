/**
 * Elements that are whole numbers, of fixed arrays and of array objects: as int-fields.ts, with an index.
 *
 * `field` is the first element as if it were a field; an element's place is as much further as its index says. The index is
 * believed, as the ref is.
 */
import type { I16Field, I32Field, I8Field, IntArray, IntField, U16Field, U32Field, U8Field, WordField } from "./int-fields.ts";
import type { WaitResult } from "./wait.ts";

/** What all elements that are whole numbers can do. */
export abstract class IntItems<A extends IntArray = IntArray, F extends IntField = IntField> {
  protected readonly mem: A;
  protected readonly offset: number;
  /** From one element to the next, in bytes. */
  protected readonly stride: number;
  protected readonly field: F;

  constructor(mem: A, field: F, stride: number) {
    this.mem = mem;
    this.offset = field.offset;
    this.stride = stride;
    this.field = field;
  }

  abstract get(ref: number, i: number): number;
  abstract set(ref: number, i: number, value: number): void;

  load(ref: number, i: number): number {
    return this.field.load(ref + Math.imul(i, this.stride));
  }

  store(ref: number, i: number, value: number): void {
    this.field.store(ref + Math.imul(i, this.stride), value);
  }

  add(ref: number, i: number, value: number): number {
    return this.field.add(ref + Math.imul(i, this.stride), value);
  }

  sub(ref: number, i: number, value: number): number {
    return this.field.sub(ref + Math.imul(i, this.stride), value);
  }

  and(ref: number, i: number, value: number): number {
    return this.field.and(ref + Math.imul(i, this.stride), value);
  }

  or(ref: number, i: number, value: number): number {
    return this.field.or(ref + Math.imul(i, this.stride), value);
  }

  xor(ref: number, i: number, value: number): number {
    return this.field.xor(ref + Math.imul(i, this.stride), value);
  }

  exchange(ref: number, i: number, value: number): number {
    return this.field.exchange(ref + Math.imul(i, this.stride), value);
  }

  compareExchange(ref: number, i: number, expected: number, value: number): number {
    return this.field.compareExchange(ref + Math.imul(i, this.stride), expected, value);
  }
}

export class I8Items extends IntItems<Int8Array, I8Field> {
  get(ref: number, i: number): number {
    return this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 0]!;
  }

  set(ref: number, i: number, value: number): void {
    this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 0] = value;
  }
}

export class U8Items extends IntItems<Uint8Array, U8Field> {
  get(ref: number, i: number): number {
    return this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 0]!;
  }

  set(ref: number, i: number, value: number): void {
    this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 0] = value;
  }
}

export class I16Items extends IntItems<Int16Array, I16Field> {
  get(ref: number, i: number): number {
    return this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 1]!;
  }

  set(ref: number, i: number, value: number): void {
    this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 1] = value;
  }
}

export class U16Items extends IntItems<Uint16Array, U16Field> {
  get(ref: number, i: number): number {
    return this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 1]!;
  }

  set(ref: number, i: number, value: number): void {
    this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 1] = value;
  }
}

/** Elements that threads can wait for. */
export abstract class WordItems<A extends Int32Array | Uint32Array = Int32Array | Uint32Array, F extends WordField = WordField> extends IntItems<A, F> {
  wait(ref: number, i: number, expected: number, timeoutMs: number = Infinity): WaitResult {
    return this.field.wait(ref + Math.imul(i, this.stride), expected, timeoutMs);
  }

  waitAsync(ref: number, i: number, expected: number, timeoutMs: number = Infinity): Promise<WaitResult> {
    return this.field.waitAsync(ref + Math.imul(i, this.stride), expected, timeoutMs);
  }

  notify(ref: number, i: number, count: number = Infinity): number {
    return this.field.notify(ref + Math.imul(i, this.stride), count);
  }
}

export class I32Items extends WordItems<Int32Array, I32Field> {
  get(ref: number, i: number): number {
    return this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 2]!;
  }

  set(ref: number, i: number, value: number): void {
    this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 2] = value;
  }
}

export class U32Items extends WordItems<Uint32Array, U32Field> {
  get(ref: number, i: number): number {
    return this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 2]!;
  }

  set(ref: number, i: number, value: number): void {
    this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 2] = value;
  }
}
