/**
 * Page release for anybody: any ArrayBuffer, SharedArrayBuffer or WebAssembly.Memory, without a heap.
 *
 *      memory    |...page...|...page...|...page...|...page...|       the operating system's pages, by absolute address
 *      buffer         |<------------- byteOffset 0 ... ----------->|
 *      range              |<---------- releasePages ------->|
 *      released           .    |<-- whole pages -->|         .       read as zero from then on
 *
 * A buffer begins where its allocator put it: a WebAssembly.Memory on a page, a fixed SharedArrayBuffer of V8's 16 bytes into one. So the
 * rounding is done on addresses. Only pages wholly inside the range go, whatever else is in the buffer or beside it stays.
 *
 * Released bytes read as zero, in all threads, and take memory again when they are written. Who calls this has no use for the bytes, in no thread.
 * Only for memory that the engine made: a buffer over a mapped file, made by a native addon, would read as the file again.
 *
 * Where there is no way (see libc.ts of @mallocgc/sysmem) nothing is released and nothing is known: 0 and -1. The same when the operating system
 * refuses, and that is counted.
 */
import { openLibc, releaseAddresses, residentPages } from "@mallocgc/sysmem";
import { ScavengeError } from "./errors.ts";

/** What has pages: a buffer, or an object with one, as a WebAssembly.Memory is. */
export type PagedMemory = ArrayBufferLike | { readonly buffer: ArrayBufferLike };

let failures = 0;

/** Calls that the operating system refused, so far, in this thread. */
export function releaseFailures(): number {
  return failures;
}

/**
 * Gives the pages of the operating system that lie wholly inside a range back to it: their bytes, 0 when there are none or there is no way.
 *
 * @throws ScavengeError `ERR_SCAVENGE_BUFFER` when `memory` has no bytes that could be released, `ERR_SCAVENGE_RANGE` when the range is not inside it.
 */
export function releasePages(memory: PagedMemory, byteOffset: number, byteLength: number): number {
  const buffer = bufferOf(memory);
  checkRange(byteOffset, byteLength, buffer.byteLength);
  const libc = openLibc();
  if (libc === undefined || byteLength === 0) return 0;
  const released = releaseAddresses(libc, libc.addressOf(buffer) + byteOffset, byteLength);
  if (released >= 0) return released;
  failures++;
  return 0;
}

/**
 * How many bytes of a range, or of all, are in physical memory; -1 when that cannot be known. A page counts for what of it is in the range.
 *
 * @throws ScavengeError as {@link releasePages}.
 */
export function residentBytes(memory: PagedMemory, byteOffset = 0, byteLength?: number): number {
  const buffer = bufferOf(memory);
  const nbytes = byteLength ?? buffer.byteLength - byteOffset;
  checkRange(byteOffset, nbytes, buffer.byteLength);
  const libc = openLibc();
  if (libc === undefined) return -1;
  if (nbytes === 0) return 0;
  const { pageSize } = libc;
  const start = libc.addressOf(buffer) + byteOffset;
  const end = start + nbytes;
  // The first and the last page are asked about alone, because only a part of them counts.
  const inner = Math.ceil(start / pageSize) * pageSize;
  const outer = Math.floor(end / pageSize) * pageSize;
  const parts = inner > outer ? [[start, nbytes, nbytes]] : [[start, inner - start, inner - start], [inner, outer - inner, pageSize], [outer, end - outer, end - outer]];
  let resident = 0;
  for (const [address, length, each] of parts as [number, number, number][]) {
    const pages = residentPages(libc, address, length);
    if (pages < 0) {
      failures++;
      return -1;
    }
    resident += pages * each;
  }
  return resident;
}

function bufferOf(memory: PagedMemory): ArrayBufferLike {
  const buffer = isBuffer(memory) ? memory : (memory as { readonly buffer?: unknown } | null | undefined)?.buffer;
  if (!isBuffer(buffer) || ArrayBuffer.isView(memory)) {
    throw new ScavengeError(
      "ERR_SCAVENGE_BUFFER",
      `pages belong to an ArrayBuffer, a SharedArrayBuffer or a WebAssembly.Memory, not to ${tagOf(memory)}` +
        (ArrayBuffer.isView(memory) ? ": give its buffer, with its byteOffset and byteLength" : ""),
    );
  }
  if ((buffer as { readonly detached?: boolean }).detached === true) throw new ScavengeError("ERR_SCAVENGE_BUFFER", "the buffer is detached: its bytes are elsewhere now");
  return buffer;
}

/** Whether it is a buffer, also one of another realm (a vm context), where `instanceof` fails. */
function isBuffer(value: unknown): value is ArrayBufferLike {
  const tag = tagOf(value);
  return tag === "ArrayBuffer" || tag === "SharedArrayBuffer";
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

function checkRange(byteOffset: number, byteLength: number, bytes: number): void {
  if (Number.isInteger(byteOffset) && Number.isInteger(byteLength) && byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= bytes) return;
  throw new ScavengeError("ERR_SCAVENGE_RANGE", `the range of ${String(byteLength)} bytes at ${String(byteOffset)} is not inside the buffer of ${bytes} bytes`);
}
