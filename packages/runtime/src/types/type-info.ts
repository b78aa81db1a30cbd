/**
 * What a heap knows of a type in this thread (`Node.$type`): its layout, its record, and how to make objects of it.
 *
 * `alloc` hands out zeroed memory: nil refs, "" and zero numbers. Where pointers are is told to the heap with every
 * allocation: for objects of up to 128 bytes as a mask of their words, for larger ones as the type's address.
 */
import { makeSpanClass, sizeToClass } from "@mallocgc/sizeclass";
import type { Addr } from "@mallocgc/sysmem";
import { FieldError, HeapError, describeValue } from "../errors.ts";
import type { ObjectType } from "./declare.ts";
import { isWhole } from "./field-check.ts";
import type { NameOf } from "./infer.ts";
import { ARRAY_HEADER_BYTES, MAX_OBJECT_BYTES, type TypeLayout } from "./layout.ts";
import type { ObjectHeap } from "./object-heap.ts";
import type { Ref } from "./ref.ts";

/** The largest object whose pointers stand in its span's heap bits (as Go's minSizeForMallocHeader on 32 bits). */
const MAX_MASK_BYTES = 128;

export class TypeInfo<T = unknown> {
  readonly name: string;
  readonly decl: T;
  readonly layout: TypeLayout;
  /** The byte address of the collector's part of the type record: the type's id in the heap. */
  readonly typeAddr: Addr;
  private readonly heap: ObjectHeap;
  private readonly nbytes: number;
  private readonly ptrMask: number;
  /** The span class of small objects with pointers. */
  private readonly spanClass: number;
  /** `typeAddr`, or 0 when there are no pointers. */
  private readonly scanType: number;

  constructor(heap: ObjectHeap, decl: T & ObjectType, layout: TypeLayout, typeAddr: Addr) {
    this.name = layout.name;
    this.decl = decl;
    this.layout = layout;
    this.typeAddr = typeAddr;
    this.heap = heap;
    this.nbytes = layout.size;
    this.ptrMask = layout.size <= MAX_MASK_BYTES ? (layout.mask[0] ?? 0) : 0;
    this.spanClass = this.ptrMask === 0 ? 0 : makeSpanClass(sizeToClass(layout.size), false);
    this.scanType = layout.noscan ? 0 : typeAddr;
  }

  /** A new object of this struct, all zero. */
  alloc(): Ref<NameOf<T>> {
    return this.ptrMask === 0 ? this.heap.allocObject(this.nbytes, 0, this.scanType) : this.heap.allocSmall(this.spanClass, this.nbytes, this.ptrMask);
  }

  /**
   * A new array of `length` elements, all zero.
   *
   * @throws HeapError `ERR_TYPE` when the type is no array; FieldError when `length` is not an integer from 0 up to what fits 1 GiB.
   */
  allocArray(length: number): Ref<NameOf<T>> {
    const { elemSize, noscan } = this.layout;
    if (elemSize === 0) throw new HeapError("ERR_TYPE", `an object of struct ${this.name} has no length, so it cannot be ${describeValue(length)}; objects of array types have one`);
    const most = Math.floor((MAX_OBJECT_BYTES - ARRAY_HEADER_BYTES) / elemSize);
    if (!isWhole(length, 0, most)) throw new FieldError(`${this.name}.length`, length, `an integer from 0 to ${most}`);
    const nbytes = ARRAY_HEADER_BYTES + elemSize * length;
    const ref = noscan || length === 0
      ? this.heap.allocObject(nbytes, 0, 0)
      : this.heap.allocObject(nbytes, nbytes <= MAX_MASK_BYTES ? this.arrayMask(length) : 0, this.scanType);
    this.heap.region.i32[ref >>> 2] = length;
    return ref;
  }

  /** The elements' mask, repeated behind the header. */
  private arrayMask(length: number): number {
    const { mask, elemSize } = this.layout;
    const one = mask[0]!;
    let all = 0;
    // At most 30 words, so a shift never wraps round.
    for (let i = 0, at = ARRAY_HEADER_BYTES / 4; i < length; i++, at += elemSize / 4) all |= one << at;
    return all;
  }

  toString(): string {
    return `${this.name} { ${this.layout.signature.join(", ")} }`;
  }
}
