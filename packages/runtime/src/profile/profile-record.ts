/**
 * The heap profile in the region: what was allocated and freed, by stack.
 *
 *     index (hash heads) ──► | string | ──► ...      a function's name, or a file's
 *                        ──► | frame  | ──► ...      function, file, line, column
 *                        ──► | bucket | ──► ...      size, thread, frames; and what was counted for it
 *
 * All three are only ever added, and stay where they are: what a dead thread has allocated still shows under its stacks, for whoever exports. They are cut from
 * pieces of permanent memory, up to a bound. When that is reached, or the region is full, what belongs in a new bucket is counted in one that is always there, the
 * *overflow*, whose stack says so.
 *
 * A bucket has four sets of counts, as in Go: what the profile shows (`active`), and what happened since, in a ring of three, by the cycle in which it will show
 * (profile-counts.ts). Bytes and objects are float64.
 *
 * Everything here is written and read under the lock `profile`, but for words that are never changed once a bucket is known.
 */
import { record, type Ptr, type RecordLayout, type TableSpec } from "@mallocgc/sysmem";

/** Go's stack depth of a heap profile. */
export const MAX_STACK_DEPTH = 128;
/** Sets of counts in a bucket: the active one, and those of three cycles to come. */
const COUNT_SETS = 4;
/** Counts in a set: objects allocated, objects freed, and their bytes. */
export const COUNTS = 4;

/** The layout of a bucket, before its frames: one word index of a frame each, innermost first. */
export const ProfileBucket: RecordLayout<"next" | "hash" | "all" | "size" | "thread" | "depth" | "spare" | "counts"> = record("profileBucket", 8 + 2 * COUNT_SETS * COUNTS, {
  next: { access: "lock:profile", doc: "next of the same hash head" },
  hash: { access: "const", doc: "Go's hash of frames and size, here of the thread too" },
  all: { access: "const", doc: "the bucket made before this one; 0: none" },
  size: { access: "const", doc: "bytes of each of its objects; of the overflow 0: any" },
  thread: { access: "const", doc: "the string that names the thread which allocated them" },
  depth: { access: "const", doc: "frames that follow the record" },
  spare: { access: "const", words: 2, doc: "padding" },
  counts: { access: "lock:profile", words: 2 * COUNT_SETS * COUNTS, doc: "active, then three cycles to come: objects allocated, objects freed, bytes allocated, bytes freed; float64" },
});

/** The layout of a frame. */
export const ProfileFrame: RecordLayout<"next" | "hash" | "function" | "file" | "line" | "column"> = record("profileFrame", 6, {
  next: { access: "lock:profile", doc: "next of the same hash head" },
  hash: { access: "const", doc: "hash of all that follows" },
  function: { access: "const", doc: "the string with the function's name" },
  file: { access: "const", doc: "the string with the file's name, or URL" },
  line: { access: "const", doc: "line, from 1; 0 when not known" },
  column: { access: "const", doc: "column, from 1; 0 when not known" },
});

/** The layout of a string, before its bytes in UTF-8. */
export const ProfileString: RecordLayout<"next" | "hash" | "length"> = record("profileString", 3, {
  next: { access: "lock:profile", doc: "next of the same hash head" },
  hash: { access: "const", doc: "hash of its bytes" },
  length: { access: "const", doc: "bytes" },
});

/** The layout of what there is one of. */
export const ProfileState: RecordLayout<"lock" | "lockLine" | "cycle" | "buckets" | "limit" | "taken" | "next" | "end" | "lost" | "spare" | "overflow"> = record(
  "profile",
  32 + ProfileBucket.words + 8,
  {
    lock: { access: "atomic", doc: "the profile lock" },
    lockLine: { access: "const", words: 15, doc: "padding: waiting threads disturb nobody" },
    cycle: { access: "lock:profile", doc: "cycles whose marking is over, modulo 3 * 2^25" },
    buckets: { access: "lock:profile", doc: "the bucket made last" },
    limit: { access: "const", doc: "the most bytes of permanent memory to take" },
    taken: { access: "lock:profile", doc: "bytes taken" },
    next: { access: "lock:profile", doc: "first free word of the piece at hand" },
    end: { access: "lock:profile", doc: "its end" },
    lost: { access: "lock:profile", doc: "samples that were not counted at all, because the region was full" },
    spare: { access: "const", words: 9, doc: "padding" },
    overflow: { access: "lock:profile", words: ProfileBucket.words, doc: "the bucket of what found no room" },
  },
);

/** Heads of the index for each of strings, frames and buckets: a power of two that suits the heap. */
export function indexHeads(maxBytes: number): number {
  return 2 ** Math.min(12, Math.max(6, Math.floor(Math.log2(maxBytes)) - 14));
}

/** The tables of this concept. */
export function profileTables(maxBytes: number): TableSpec[] {
  return [
    { name: "profile", bytes: ProfileState.words * 4, align: 64, doc: "the heap profile: lock, cycle, bound, overflow" },
    { name: "profile.index", bytes: 3 * indexHeads(maxBytes) * 4, align: 64, doc: "hash heads of the profile's strings, frames and buckets" },
  ];
}

/** A bucket: the index of its first word. */
export type BucketPtr = Ptr & { readonly __bucket: never };

/** Every record of this folder that lies in the region. */
export const PROFILE_RECORDS: readonly RecordLayout[] = Object.freeze([ProfileState, ProfileBucket, ProfileFrame, ProfileString]);
