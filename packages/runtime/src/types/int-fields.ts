/**
 * Fields of whole numbers, read and written on raw refs.
 *
 * An accessor holds the one typed array of its kind and the place of its field; `get` and `set` are then a single access,
 * as fast as a property of an object (packages/runtime/bench/fields.ts). There is a class for each kind because a piece of
 * code that meets one kind of typed array is several times as fast as one that meets two; hence also no getters made by
 * closures. What takes an atomic operation costs a call into the engine anyway, so those methods stand once, in the base.
 *
 * Nothing is checked: the ref is believed, and a value is cut to the field's width. With `checks: true` the heap gives out
 * accessors that check (checked.ts).
 *
 * `load` and `store` order memory: who loads what another thread stored also sees what that thread wrote before.
 */
import type { ObjectHeap } from "./object-heap.ts";
import { notifyWord, waitForWord, waitForWordAsync, type WaitResult } from "./wait.ts";

export type IntArray = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

/** What all fields of whole numbers can do. The results of `add`, `sub`, `and`, `or`, `xor` and both exchanges are the old value. */
export abstract class IntField<A extends IntArray = IntArray> {
  protected readonly mem: A;
  /** From the ref to the field, in bytes. */
  readonly offset: number;
  /** Of the array's elements: their width is `1 << shift` bytes. */
  private readonly shift: number;

  constructor(mem: A, offset: number) {
    this.mem = mem;
    this.offset = offset;
    this.shift = 31 - Math.clz32(mem.BYTES_PER_ELEMENT);
  }

  abstract get(ref: number): number;
  abstract set(ref: number, value: number): void;

  load(ref: number): number {
    return Atomics.load(this.mem, (ref + this.offset) >>> this.shift);
  }

  store(ref: number, value: number): void {
    Atomics.store(this.mem, (ref + this.offset) >>> this.shift, value);
  }

  add(ref: number, value: number): number {
    return Atomics.add(this.mem, (ref + this.offset) >>> this.shift, value);
  }

  sub(ref: number, value: number): number {
    return Atomics.sub(this.mem, (ref + this.offset) >>> this.shift, value);
  }

  and(ref: number, value: number): number {
    return Atomics.and(this.mem, (ref + this.offset) >>> this.shift, value);
  }

  or(ref: number, value: number): number {
    return Atomics.or(this.mem, (ref + this.offset) >>> this.shift, value);
  }

  xor(ref: number, value: number): number {
    return Atomics.xor(this.mem, (ref + this.offset) >>> this.shift, value);
  }

  exchange(ref: number, value: number): number {
    return Atomics.exchange(this.mem, (ref + this.offset) >>> this.shift, value);
  }

  /** Stores `value` if the field is `expected`; what it was. */
  compareExchange(ref: number, expected: number, value: number): number {
    return Atomics.compareExchange(this.mem, (ref + this.offset) >>> this.shift, expected, value);
  }
}

export class I8Field extends IntField<Int8Array> {
  get(ref: number): number {
    return this.mem[(ref + this.offset) >>> 0]!;
  }

  set(ref: number, value: number): void {
    this.mem[(ref + this.offset) >>> 0] = value;
  }
}

export class U8Field extends IntField<Uint8Array> {
  get(ref: number): number {
    return this.mem[(ref + this.offset) >>> 0]!;
  }

  set(ref: number, value: number): void {
    this.mem[(ref + this.offset) >>> 0] = value;
  }
}

export class I16Field extends IntField<Int16Array> {
  get(ref: number): number {
    return this.mem[(ref + this.offset) >>> 1]!;
  }

  set(ref: number, value: number): void {
    this.mem[(ref + this.offset) >>> 1] = value;
  }
}

export class U16Field extends IntField<Uint16Array> {
  get(ref: number): number {
    return this.mem[(ref + this.offset) >>> 1]!;
  }

  set(ref: number, value: number): void {
    this.mem[(ref + this.offset) >>> 1] = value;
  }
}

/** A field that threads can wait for: the fields of 32 bits. */
export abstract class WordField<A extends Int32Array | Uint32Array = Int32Array | Uint32Array> extends IntField<A> {
  private readonly heap: ObjectHeap;

  constructor(heap: ObjectHeap, mem: A, offset: number) {
    super(mem, offset);
    this.heap = heap;
  }

  /**
   * Sleeps until another thread calls `notify`, as long as the field is `expected`. The turn goes on meanwhile, so a long
   * wait holds up the collector; where that may happen, use {@link waitAsync}.
   */
  wait(ref: number, expected: number, timeoutMs: number = Infinity): WaitResult {
    return waitForWord(this.heap, (ref + this.offset) >>> 2, expected | 0, timeoutMs);
  }

  /** As {@link wait}, for threads that may not sleep and turns that should end. Afterwards it is another turn: the ref needs a root. */
  waitAsync(ref: number, expected: number, timeoutMs: number = Infinity): Promise<WaitResult> {
    return waitForWordAsync(this.heap, (ref + this.offset) >>> 2, expected | 0, timeoutMs);
  }

  /** Wakes up to `count` threads that wait for this field; how many. */
  notify(ref: number, count: number = Infinity): number {
    return notifyWord(this.heap, (ref + this.offset) >>> 2, count);
  }
}

export class I32Field extends WordField<Int32Array> {
  get(ref: number): number {
    return this.mem[(ref + this.offset) >>> 2]!;
  }

  set(ref: number, value: number): void {
    this.mem[(ref + this.offset) >>> 2] = value;
  }
}

export class U32Field extends WordField<Uint32Array> {
  get(ref: number): number {
    return this.mem[(ref + this.offset) >>> 2]!;
  }

  set(ref: number, value: number): void {
    this.mem[(ref + this.offset) >>> 2] = value;
  }
}
