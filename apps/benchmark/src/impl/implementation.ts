/** What an implementation is to the harness: something that opens an allocator, and says what its blocks are. */
import type { AddressAllocator, ObjectAllocator } from "../kernels.ts";

/** Where the bytes of a full heap went. */
export interface MetadataParts {
  /** What the heap took from its region, all told. */
  readonly totalBytes: number;
  /** What is not a block and could not become one: by name, in bytes. */
  readonly parts: Readonly<Record<string, number>>;
}

/** An open allocator of one thread. */
export interface OpenAllocator<A> {
  readonly allocator: A;
  /** What another thread needs for `attach`; only where memory is shared. */
  readonly handle?: unknown;
  /** Bytes and blocks handed out so far by this heap, where it counts them. */
  counters?(): { bytes: number; blocks: number };
  /** Asked of a heap that has just been filled. */
  metadata?(): MetadataParts;
  close(): void;
}

export interface AddressImplementation {
  readonly blocks: "address";
  /** Opens a heap that can hold `bytes`. */
  open(bytes: number): Promise<OpenAllocator<AddressAllocator>>;
  /** Opens the heap of another thread: there exactly where one heap can serve several. */
  attach?(handle: unknown): OpenAllocator<AddressAllocator>;
}

export interface ObjectImplementation {
  readonly blocks: "object";
  open(): OpenAllocator<ObjectAllocator>;
}

export type Implementation = AddressImplementation | ObjectImplementation;
