/**
 * What hangs on an object, as records in the region.
 *
 * A *special* says that something is to happen when an object dies. As in Go, a span's specials form a list, sorted by the byte offset of the object in the span and
 * then by kind, so that those of one object stand together, finalizer first:
 *
 *     MSpan.specials ──► | 0, finalizer | ──► | 0, weak | ──► | 64, profile | ──► | 64, cleanup | ──► 0
 *
 * A finalizer or cleanup is JavaScript, so it belongs to the thread that made it: its special says which P that is (`owner`, `generation`)
 * and by which number (`id`) that thread knows the function. When it is due, the special moves from its span to the *queue* of its owner:
 *
 *     queue.head ──► special ──► special ──► 0       queue.tail: the last
 *
 * A queued finalizer keeps its object: `ref` is a root (specials-queue.ts). Finalizers that are not due are on one more list, over all
 * spans and both ways (`nextFinalizer`, `prevFinalizer`): marking starts from what their objects reach.
 *
 * A *weak handle* is the word that weak refs look through, one per object however many there are: it holds the object's address, and 0 for
 * ever once the object has died. It has a number of its own that outlives the object, so that weak refs can still be compared. Its `refs` are
 * the special, each thread's weak ref, and entries of tables (`unique`); with the last it is freed.
 *
 * A *profile* special ties an object that the heap profile has sampled to the bucket that it was counted in, so that its end is counted there too. It is the
 * only kind that a by-hand heap has.
 */
import { FixAllocRecord, record, type Ptr, type RecordLayout } from "@mallocgc/sysmem";

/** A special: the index of its first word. */
export type SpecialPtr = Ptr & { readonly __special: never };
/** A weak handle: the index of its first word. */
export type WeakHandlePtr = Ptr & { readonly __weakHandle: never };

/** A queued special of which only its owner's function is left to be forgotten. */
export const KIND_CANCELLED = 0;
/** Calls a function with the object, which is alive again; at most one per object. Go's number, as are the others. */
export const KIND_FINALIZER = 2;
/** Clears a weak handle. */
export const KIND_WEAK_HANDLE = 3;
/** Counts the object's end in the heap profile; at most one per object. */
export const KIND_PROFILE = 4;
/** Calls a function once the object is gone; any number per object. */
export const KIND_CLEANUP = 7;

/** The layout of a special. */
export const Special: RecordLayout<
  "next" | "span" | "offset" | "kind" | "owner" | "generation" | "id" | "ref" | "handle" | "nextFinalizer" | "prevFinalizer" | "bucket"
> = record("special", 12, {
  next: { access: "lock:specials", doc: "next special of the span, or of the queue" },
  span: { access: "const", doc: "the span that the object is in" },
  offset: { access: "const", doc: "byte offset of the object in the span" },
  kind: { access: "lock:specials", doc: "2 finalizer, 3 weak handle, 4 profile, 7 cleanup; 0 cancelled" },
  owner: { access: "const", doc: "P id + 1 of the thread whose function it is; 0 for a weak handle or a profile" },
  generation: { access: "const", doc: "the generation of that P's record" },
  id: { access: "const", doc: "the number by which that thread knows the function" },
  ref: { access: "atomic", doc: "a root: the object of a finalizer that is due; else 0" },
  handle: { access: "const", doc: "the weak handle; else 0" },
  nextFinalizer: { access: "lock:specials", doc: "next of all finalizers that are not due" },
  prevFinalizer: { access: "lock:specials", doc: "previous of them" },
  bucket: { access: "const", doc: "of a profile: word index of its bucket; else 0" },
});

/** The layout of a weak handle. */
export const WeakHandle: RecordLayout<"link" | "value" | "refs" | "id"> = record("weakHandle", 4, {
  link: { access: "lock:heap", doc: "of the free list: so that freeing leaves the value alone" },
  value: { access: "atomic", doc: "address of the object; 0 once it has died" },
  refs: { access: "atomic", doc: "who still looks at this handle" },
  id: { access: "const", doc: "a number that no other handle has had (in 2^32)" },
});

/** The layout of one P's queue: a cache line. */
export const SpecialQueue: RecordLayout<"head" | "tail" | "spare"> = record("specialQueue", 16, {
  head: { access: "lock:specials", doc: "first special that is due; 0 when none is" },
  tail: { access: "lock:specials", doc: "the last of them; meaningless when there is none" },
  spare: { access: "const", words: 14, doc: "padding" },
});

/** The layout of the state that all Ps share. */
export const SpecialsState: RecordLayout<
  "lock" | "lockLine" | "finalizers" | "weakIds" | "finalizersQueued" | "finalizersExecuted" | "cleanupsQueued" | "cleanupsExecuted" | "specials" | "handles" | "spare"
> = record("specials", 48, {
  lock: { access: "atomic", doc: "the specials lock" },
  lockLine: { access: "const", words: 15, doc: "padding: waiting threads disturb nobody" },
  finalizers: { access: "lock:specials", doc: "first of all finalizers that are not due" },
  weakIds: { access: "lock:specials", doc: "the id of the last weak handle" },
  finalizersQueued: { access: "lock:specials", doc: "finalizers that ever became due" },
  finalizersExecuted: { access: "lock:specials", doc: "finalizers that their thread has run" },
  cleanupsQueued: { access: "lock:specials", doc: "cleanups that ever became due" },
  cleanupsExecuted: { access: "lock:specials", doc: "cleanups that their thread has run" },
  specials: { access: "lock:heap", words: FixAllocRecord.words, doc: "the fixalloc of specials" },
  handles: { access: "lock:heap", words: FixAllocRecord.words, doc: "the fixalloc of weak handles" },
  spare: { access: "const", words: 26 - 2 * FixAllocRecord.words, doc: "padding" },
});
