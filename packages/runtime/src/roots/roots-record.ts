/**
 * Where roots are kept: the records of named roots, of handles' slots and of unique values.
 *
 * All of them lie in permanent memory and never move, so that the words which are roots form ranges that stay where they are. Blocks of slots and
 * chunks of named roots are never given back; what is freed in them is used anew.
 *
 *     slot block    | header | 256 refs ............ | 256 generations ...... | 256 links ............ |
 *     root chunk    | header | 32 refs ............. | 32 entries of 8 words ........................... |
 */
import { FixAllocRecord, record, type RecordLayout } from "@mallocgc/sysmem";

/** Slots of a block. */
export const BLOCK_SLOTS = 256;
/** Words of a block's header: a cache line. */
export const BLOCK_HEADER = 16;
/** Blocks that one page of the directory names. */
export const DIRECTORY_PAGE = 256;
/** Pages of the directory: 4 M slots in all. */
export const DIRECTORY_PAGES = 64;

/** Named roots of a chunk. */
export const CHUNK_ROOTS = 32;

/** A hash index in the region (region-hash.ts). */
export const HashIndexRecord: RecordLayout<"buckets" | "size" | "count"> = record("hashIndex", 3, {
  buckets: { access: "lock:roots", doc: "word index of the heads of chains; 0 before the first entry" },
  size: { access: "lock:roots", doc: "number of buckets, a power of two" },
  count: { access: "lock:roots", doc: "entries in all chains" },
});

/** What all Ps share. */
export const RootsState: RecordLayout<
  "lock" | "lockLine" | "nonce" | "changes" | "chunks" | "freeEntries" | "named" | "unique" | "uniqueCursor" | "uniqueEntries" | "blocks" | "spare" | "directory"
> = record("roots", 112, {
  lock: { access: "atomic", doc: "the roots lock" },
  lockLine: { access: "const", words: 15, doc: "padding: waiting threads disturb nobody" },
  nonce: { access: "const", doc: "a random number, by which messages of another heap are known" },
  changes: { access: "atomic", doc: "+1 for each name that appears; waiters sleep on it" },
  chunks: { access: "atomic", doc: "first chunk of named roots" },
  freeEntries: { access: "lock:roots", doc: "first entry without a name" },
  named: { access: "lock:roots", words: HashIndexRecord.words, doc: "named roots by name" },
  unique: { access: "lock:roots", words: HashIndexRecord.words, doc: "unique values by content" },
  uniqueCursor: { access: "lock:roots", doc: "the bucket that is looked through next for values that have died" },
  uniqueEntries: { access: "lock:heap", words: FixAllocRecord.words, doc: "the fixalloc of entries of unique values" },
  blocks: { access: "atomic", doc: "blocks of slots that there are" },
  spare: { access: "const", words: 20 - 2 * HashIndexRecord.words - FixAllocRecord.words + 3, doc: "padding" },
  directory: { access: "atomic", words: DIRECTORY_PAGES, doc: "pages of 256 words, each naming a block" },
});

/** What a P has of its own: a cache line. */
export const ProcessorRoots: RecordLayout<"free" | "remoteFree" | "spare"> = record("processorRoots", 16, {
  free: { access: "owner", doc: "first free slot, as slot number + 1; 0 when there is none" },
  remoteFree: { access: "atomic", doc: "slots of this P that other threads have freed: pushed by compare-and-set, taken all at once" },
  spare: { access: "const", words: 14, doc: "padding" },
});

/** A named root's entry. */
export const RootEntry: RecordLayout<"next" | "hash" | "word" | "type" | "name" | "nameBytes" | "nameCapacity" | "version"> = record("rootEntry", 8, {
  next: { access: "lock:roots", doc: "next of the chain, or of the entries without a name" },
  hash: { access: "lock:roots", doc: "hash of the name" },
  word: { access: "const", doc: "the word that is the root" },
  type: { access: "atomic", doc: "address of the type that the root was set with; 0 when none was named" },
  name: { access: "lock:roots", doc: "address of the name, UTF-8" },
  nameBytes: { access: "lock:roots", doc: "its length" },
  nameCapacity: { access: "lock:roots", doc: "bytes that there is room for" },
  version: { access: "atomic", doc: "+1 when the name is deleted or its type changes: what threads remember of the entry is void then" },
});

/** A unique value's entry. */
export const UniqueEntry: RecordLayout<"next" | "hash" | "handle" | "spare"> = record("uniqueEntry", 4, {
  next: { access: "lock:roots", doc: "next of the chain" },
  hash: { access: "lock:roots", doc: "hash of the value" },
  handle: { access: "lock:roots", doc: "weak handle of the object that holds the value" },
  spare: { access: "const", doc: "padding" },
});
