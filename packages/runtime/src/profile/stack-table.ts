/**
 * Stacks as records in the region: equal strings, frames and stacks are there once, whichever thread has them.
 *
 * A thread keeps what it has looked up in JavaScript's memory, so the table is asked once for each frame and stack that is new to the thread. The hash is Go's, of
 * word indexes where Go has program counters.
 */
import type { Mutexes, Ptr, Region } from "@mallocgc/sysmem";
import { RANK_PROFILE } from "@mallocgc/sysmem";
import { frameKey, type Frame } from "./frame.ts";
import type { ProfileMemory } from "./profile-memory.ts";
import { ProfileBucket, ProfileFrame, ProfileState, ProfileString, type BucketPtr } from "./profile-record.ts";

const B = ProfileBucket.offset;
const F = ProfileFrame.offset;
const S = ProfileString.offset;
const { lock: LOCK, buckets: BUCKETS, overflow: OVERFLOW } = ProfileState.offset;
const RANK = RANK_PROFILE;
/** Which part of the index. */
const STRINGS = 0;
const FRAMES = 1;
const BUCKET = 2;
/** What is longer is cut: no name that a reader needs is. */
const MAX_STRING_BYTES = 1024;
/** What the overflow's stack says. */
const FULL_FRAME: Frame = Object.freeze({ functionName: "(profile table full)", fileName: "", line: 0, column: 0 });

/** Adds a word to a hash, as Go adds a program counter. */
function mix(hash: number, word: number): number {
  const sum = (hash + word) | 0;
  const shifted = (sum + (sum << 10)) | 0;
  return shifted ^ (shifted >>> 6);
}

/** The end of a hash, as in Go. */
function finish(hash: number): number {
  const shifted = (hash + (hash << 3)) | 0;
  return shifted ^ (shifted >>> 11);
}

/** The stacks of one region's heap profile, as one thread sees them. */
export class StackTable {
  /** Where what finds no room is counted. */
  readonly overflow: BucketPtr;
  private readonly mem: Int32Array;
  private readonly u8: Uint8Array;
  private readonly state: Ptr;
  private readonly index: Ptr;
  private readonly heads: number;
  private readonly mutexes: Mutexes;
  private readonly memory: ProfileMemory;
  /** What this thread has looked up or read: strings and frames by what they say, and the other way round. */
  private readonly strings = new Map<string, Ptr>();
  private readonly frames = new Map<string, Ptr>();
  private readonly frameAt = new Map<number, Frame>();
  private readonly encoder = new TextEncoder();
  private readonly decoder = new TextDecoder();

  /** `state` and `index` are the places of the tables, `heads` how many heads each part of the index has. */
  constructor(region: Region, state: Ptr, index: Ptr, heads: number, mutexes: Mutexes, memory: ProfileMemory) {
    this.mem = region.i32;
    this.u8 = region.u8;
    this.state = state;
    this.index = index;
    this.heads = heads;
    this.mutexes = mutexes;
    this.memory = memory;
    this.overflow = (state + OVERFLOW) as BucketPtr;
  }

  /** The bucket of objects of `size` bytes that a thread of that name allocates under that stack; the overflow when there is no room for it. Takes the profile lock. */
  bucketOf(stack: readonly Frame[], size: number, thread: string): BucketPtr {
    this.mutexes.lock((this.state + LOCK) as Ptr, RANK);
    try {
      return this.bucketLocked(stack, size, thread);
    } finally {
      this.mutexes.unlock((this.state + LOCK) as Ptr, RANK);
    }
  }

  private bucketLocked(stack: readonly Frame[], size: number, thread: string): BucketPtr {
    const mem = this.mem;
    const name = this.stringLocked(thread);
    if (name === 0) return this.overflow;
    let hash = 0;
    const frames: Ptr[] = [];
    for (const frame of stack) {
      const ptr = this.frameLocked(frame);
      if (ptr === 0) return this.overflow;
      frames.push(ptr);
      hash = mix(hash, ptr);
    }
    hash = finish(mix(mix(hash, size), name));
    const head = this.headOf(BUCKET, hash);
    for (let bucket = mem[head]!; bucket !== 0; bucket = mem[bucket + B.next]!) {
      if (mem[bucket + B.hash] === hash && this.isBucketOf(bucket, frames, size, name)) return bucket as BucketPtr;
    }
    const bucket = this.memory.allocLocked(ProfileBucket.words + frames.length);
    if (bucket === 0) return this.overflow;
    mem[bucket + B.size] = size;
    mem[bucket + B.thread] = name;
    mem[bucket + B.depth] = frames.length;
    mem.set(frames, bucket + ProfileBucket.words);
    mem[bucket + B.all] = mem[this.state + BUCKETS]!;
    mem[this.state + BUCKETS] = bucket;
    this.linkLocked(bucket, head, hash);
    return bucket as BucketPtr;
  }

  private isBucketOf(bucket: number, frames: readonly Ptr[], size: number, thread: Ptr): boolean {
    const mem = this.mem;
    if (mem[bucket + B.size]! >>> 0 !== size || mem[bucket + B.thread] !== thread || mem[bucket + B.depth] !== frames.length) return false;
    return frames.every((frame, i) => mem[bucket + ProfileBucket.words + i] === frame);
  }

  private frameLocked(of: Frame): Ptr {
    const mem = this.mem;
    const { functionName, fileName, line, column } = of;
    const key = frameKey(of);
    const known = this.frames.get(key);
    if (known !== undefined) return known;
    const fn = this.stringLocked(functionName);
    const file = fn === 0 ? fn : this.stringLocked(fileName);
    if (file === 0) return file;
    const hash = finish(mix(mix(mix(mix(0, fn), file), line), column));
    const head = this.headOf(FRAMES, hash);
    let frame = mem[head]!;
    while (frame !== 0 && !(mem[frame + F.function] === fn && mem[frame + F.file] === file && mem[frame + F.line] === line && mem[frame + F.column] === column)) {
      frame = mem[frame + F.next]!;
    }
    if (frame === 0) {
      frame = this.memory.allocLocked(ProfileFrame.words);
      if (frame === 0) return frame as Ptr;
      mem[frame + F.function] = fn;
      mem[frame + F.file] = file;
      mem[frame + F.line] = line;
      mem[frame + F.column] = column;
      this.linkLocked(frame as Ptr, head, hash);
    }
    this.frames.set(key, frame as Ptr);
    return frame as Ptr;
  }

  private stringLocked(text: string): Ptr {
    const known = this.strings.get(text);
    if (known !== undefined) return known;
    const mem = this.mem;
    const bytes = this.encoder.encode(text).subarray(0, MAX_STRING_BYTES);
    let hash = 0;
    for (const byte of bytes) hash = mix(hash, byte);
    hash = finish(hash);
    const head = this.headOf(STRINGS, hash);
    let string = mem[head]!;
    while (string !== 0 && !(mem[string + S.hash] === hash && this.isString(string, bytes))) string = mem[string + S.next]!;
    if (string === 0) {
      string = this.memory.allocLocked(ProfileString.words + Math.ceil(bytes.length / 4));
      if (string === 0) return string as Ptr;
      mem[string + S.length] = bytes.length;
      this.u8.set(bytes, (string + ProfileString.words) * 4);
      this.linkLocked(string as Ptr, head, hash);
    }
    this.strings.set(text, string as Ptr);
    return string as Ptr;
  }

  private isString(string: number, bytes: Uint8Array): boolean {
    if (this.mem[string + S.length] !== bytes.length) return false;
    const from = (string + ProfileString.words) * 4;
    return bytes.every((byte, i) => this.u8[from + i] === byte);
  }

  /** Strings, frames and buckets begin with the same two words. */
  private linkLocked(record: Ptr, head: number, hash: number): void {
    const mem = this.mem;
    mem[record + S.hash] = hash;
    mem[record + S.next] = mem[head]!;
    mem[head] = record;
  }

  private headOf(part: number, hash: number): number {
    return this.index + part * this.heads + (hash & (this.heads - 1));
  }

  // Reading. What a bucket says never changes once it is known, so no lock is needed.

  /** The frames of a bucket's stack, innermost first. */
  stackOf(bucket: BucketPtr): readonly Frame[] {
    if (bucket === this.overflow) return [FULL_FRAME];
    const from = bucket + ProfileBucket.words;
    return Array.from(this.mem.subarray(from, from + this.mem[bucket + B.depth]!), (frame) => this.readFrame(frame));
  }

  /** The name of the thread that a bucket's objects were allocated by; undefined for the overflow. */
  threadOf(bucket: BucketPtr): string | undefined {
    return bucket === this.overflow ? undefined : this.readString(this.mem[bucket + B.thread]!);
  }

  private readFrame(frame: number): Frame {
    const mem = this.mem;
    let known = this.frameAt.get(frame);
    if (known === undefined) {
      known = {
        functionName: this.readString(mem[frame + F.function]!),
        fileName: this.readString(mem[frame + F.file]!),
        line: mem[frame + F.line]!,
        column: mem[frame + F.column]!,
      };
      this.frameAt.set(frame, known);
    }
    return known;
  }

  private readString(string: number): string {
    const from = (string + ProfileString.words) * 4;
    // A copy: browsers decode no shared memory.
    return this.decoder.decode(this.u8.slice(from, from + this.mem[string + S.length]!));
  }
}
