/**
 * Fields and elements that are pointers: refs, strings and bytes. Every store of one goes through the heap's write barrier,
 * on raw refs too; that is what lets the collector run at the same time.
 *
 * `load` and `compareExchange` are for structures that threads share without a lock: who loads a ref that another thread
 * stored with `compareExchange` finds the object as it was then. `get` and `set` do for objects that only one thread has,
 * or that a mutex guards.
 */
import type { Bytes } from "./bytes.ts";
import type { ObjectHeap } from "./object-heap.ts";
import type { Ref } from "./ref.ts";
import type { Strings } from "./strings.ts";

/** A nullable pointer to an object of the type named `N`: 0 is nil. */
export class RefField<N extends string = string> {
  private readonly heap: ObjectHeap;
  private readonly mem: Int32Array;
  readonly offset: number;

  constructor(heap: ObjectHeap, offset: number) {
    this.heap = heap;
    this.mem = heap.region.i32;
    this.offset = offset;
  }

  get(ref: number): Ref<N> {
    return this.mem[(ref + this.offset) >>> 2]! >>> 0;
  }

  set(ref: number, value: Ref<N>): void {
    this.heap.storeRef((ref + this.offset) >>> 0, value);
  }

  load(ref: number): Ref<N> {
    // Pairs with the exchange of another thread's compareExchange.
    return Atomics.load(this.mem, (ref + this.offset) >>> 2) >>> 0;
  }

  /** Stores `value` if the field is `expected`; what it was. */
  compareExchange(ref: number, expected: Ref<N>, value: Ref<N>): Ref<N> {
    return this.heap.compareExchangeRef((ref + this.offset) >>> 0, expected, value);
  }
}

export class RefItems<N extends string = string> {
  private readonly heap: ObjectHeap;
  private readonly mem: Int32Array;
  private readonly offset: number;
  private readonly stride: number;

  constructor(heap: ObjectHeap, offset: number, stride: number) {
    this.heap = heap;
    this.mem = heap.region.i32;
    this.offset = offset;
    this.stride = stride;
  }

  get(ref: number, i: number): Ref<N> {
    return this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 2]! >>> 0;
  }

  set(ref: number, i: number, value: Ref<N>): void {
    this.heap.storeRef((ref + this.offset + Math.imul(i, this.stride)) >>> 0, value);
  }

  load(ref: number, i: number): Ref<N> {
    // Pairs as in RefField.
    return Atomics.load(this.mem, (ref + this.offset + Math.imul(i, this.stride)) >>> 2) >>> 0;
  }

  compareExchange(ref: number, i: number, expected: Ref<N>, value: Ref<N>): Ref<N> {
    return this.heap.compareExchangeRef((ref + this.offset + Math.imul(i, this.stride)) >>> 0, expected, value);
  }
}

/** A string. `get` decodes and `set` makes a new one in the heap; the others work on its ref. */
export class StrField {
  private readonly heap: ObjectHeap;
  private readonly mem: Int32Array;
  private readonly strings: Strings;
  readonly offset: number;

  constructor(heap: ObjectHeap, strings: Strings, offset: number) {
    this.heap = heap;
    this.mem = heap.region.i32;
    this.strings = strings;
    this.offset = offset;
  }

  get(ref: number): string {
    return this.strings.get(this.mem[(ref + this.offset) >>> 2]! >>> 0);
  }

  set(ref: number, text: string): void {
    const string = this.strings.alloc(text);
    this.heap.storeRef((ref + this.offset) >>> 0, string);
  }

  /** Whether the string is `text`, without decoding it. */
  equals(ref: number, text: string): boolean {
    return this.strings.equals(this.mem[(ref + this.offset) >>> 2]! >>> 0, text);
  }

  getRef(ref: number): Ref<"str"> {
    return this.mem[(ref + this.offset) >>> 2]! >>> 0;
  }

  /** Shares a string that is in the heap already. */
  setRef(ref: number, string: Ref<"str">): void {
    this.heap.storeRef((ref + this.offset) >>> 0, string);
  }
}

export class StrItems {
  private readonly field: StrField;
  private readonly stride: number;

  constructor(field: StrField, stride: number) {
    this.field = field;
    this.stride = stride;
  }

  get(ref: number, i: number): string {
    return this.field.get(ref + Math.imul(i, this.stride));
  }

  set(ref: number, i: number, text: string): void {
    this.field.set(ref + Math.imul(i, this.stride), text);
  }

  equals(ref: number, i: number, text: string): boolean {
    return this.field.equals(ref + Math.imul(i, this.stride), text);
  }

  getRef(ref: number, i: number): Ref<"str"> {
    return this.field.getRef(ref + Math.imul(i, this.stride));
  }

  setRef(ref: number, i: number, string: Ref<"str">): void {
    this.field.setRef(ref + Math.imul(i, this.stride), string);
  }
}

/** Bytes. `get` is a view of those in the heap, `set` makes a copy of those given. */
export class BytesField {
  private readonly heap: ObjectHeap;
  private readonly mem: Int32Array;
  private readonly bytes: Bytes;
  readonly offset: number;

  constructor(heap: ObjectHeap, bytes: Bytes, offset: number) {
    this.heap = heap;
    this.mem = heap.region.i32;
    this.bytes = bytes;
    this.offset = offset;
  }

  get(ref: number): Uint8Array {
    return this.bytes.get(this.mem[(ref + this.offset) >>> 2]! >>> 0);
  }

  set(ref: number, value: Uint8Array): void {
    const copy = this.bytes.alloc(value);
    this.heap.storeRef((ref + this.offset) >>> 0, copy);
  }

  getRef(ref: number): Ref<"bytes"> {
    return this.mem[(ref + this.offset) >>> 2]! >>> 0;
  }

  /** Shares bytes that are in the heap already. */
  setRef(ref: number, bytes: Ref<"bytes">): void {
    this.heap.storeRef((ref + this.offset) >>> 0, bytes);
  }
}

export class BytesItems {
  private readonly field: BytesField;
  private readonly stride: number;

  constructor(field: BytesField, stride: number) {
    this.field = field;
    this.stride = stride;
  }

  get(ref: number, i: number): Uint8Array {
    return this.field.get(ref + Math.imul(i, this.stride));
  }

  set(ref: number, i: number, value: Uint8Array): void {
    this.field.set(ref + Math.imul(i, this.stride), value);
  }

  getRef(ref: number, i: number): Ref<"bytes"> {
    return this.field.getRef(ref + Math.imul(i, this.stride));
  }

  setRef(ref: number, i: number, bytes: Ref<"bytes">): void {
    this.field.setRef(ref + Math.imul(i, this.stride), bytes);
  }
}
