/** Typed arrays over one block: a convenience at the price of an object (tens of ns); hot code indexes `heap.i32` and friends. */
import type { Region } from "@mallocgc/sysmem";
import { HeapError, describeValue } from "./errors.ts";

/** A typed array class, such as `Int32Array` or `Float64Array`. */
export interface ViewConstructor<T> {
  readonly BYTES_PER_ELEMENT: number;
  readonly name: string;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
}

/** A view of `length` elements (default: all that fit) at `addr`, within `usable` bytes. */
export function viewBlock<T>(region: Region, addr: number, usable: number, type: ViewConstructor<T>, length?: number): T {
  if (typeof type !== "function" || !(type.BYTES_PER_ELEMENT > 0)) {
    throw new HeapError("ERR_VIEW", `a view is made by a typed array class such as Int32Array, not by ${describeValue(type)}`);
  }
  const width = type.BYTES_PER_ELEMENT;
  if (addr % width !== 0) {
    throw new HeapError("ERR_VIEW", `a ${type.name} needs an address that is a multiple of ${width}, not ${addr}; allocate a multiple of ${width} bytes`);
  }
  const fits = Math.floor(usable / width);
  const n = length === undefined ? fits : length;
  if (!Number.isInteger(n) || n < 0 || n > fits) {
    throw new HeapError("ERR_VIEW", `the block at ${addr} holds ${fits} elements of ${type.name}, not ${describeValue(length)}`);
  }
  return new type(region.buffer, addr, n);
}
