/**
 * The invariants of specials, as code. Given every span in use, while nobody is at work on the heap.
 *
 *     a span's list ends, its specials are of that span, at offsets inside its slots, sorted by offset and then kind
 *     at one offset there is at most one finalizer, one weak handle and one sample
 *     a sample is at the start of a slot, has a bucket, and its span's word of samples shows it
 *     a weak handle holds its object's address; no special of a span keeps an object
 *     the list of finalizers holds exactly the finalizers of all spans, and its back links agree
 */
import { MSpan, type SpanPtr } from "@mallocgc/mspan";
import { KIND_CLEANUP, KIND_FINALIZER, KIND_PROFILE, KIND_WEAK_HANDLE, Special, WeakHandle, type SpecialPtr } from "./specials-record.ts";
import type { Specials } from "./specials.ts";

const { startAddr: START_ADDR, nelems: NELEMS, elemSize: ELEM_SIZE, specials: SPECIALS, sampled: SAMPLED } = MSpan.offset;
const { next: NEXT, span: SPAN, offset: OFFSET, kind: KIND, ref: REF, handle: HANDLE, nextFinalizer: NEXT_FINALIZER, prevFinalizer: PREV_FINALIZER, bucket: BUCKET } = Special.offset;
const { value: VALUE } = WeakHandle.offset;
const KINDS: ReadonlySet<number> = new Set([KIND_FINALIZER, KIND_PROFILE, KIND_WEAK_HANDLE, KIND_CLEANUP]);

/** The broken invariants, in words; none when all is well. */
export function verifySpecials(mem: Int32Array, specials: Specials, spans: Iterable<SpanPtr>): string[] {
  const broken: string[] = [];
  const limit = specials.count;
  const finalizers = new Set<number>();
  for (const s of spans) {
    let seen = 0;
    let sampled = 0;
    for (let special = mem[s + SPECIALS]!, before = 0; special !== 0; before = special, special = mem[special + NEXT]!) {
      if (special < 0 || special + Special.words > mem.length || ++seen > limit) {
        broken.push(`span ${s}: its list of specials leads astray at ${special}`);
        break;
      }
      checkSpecial(mem, s, special, before, broken);
      if (mem[special + KIND] === KIND_PROFILE) sampled |= 1 << (Math.floor((mem[special + OFFSET]! >>> 0) / (mem[s + ELEM_SIZE]! >>> 0)) & 31);
      if (mem[special + KIND] === KIND_FINALIZER) finalizers.add(special);
    }
    if ((sampled & ~mem[s + SAMPLED]!) !== 0) broken.push(`span ${s} has a sample that its word of samples does not show`);
  }
  checkFinalizers(mem, specials.firstFinalizer, finalizers, broken);
  return broken;
}

function checkSpecial(mem: Int32Array, s: SpanPtr, special: number, before: number, broken: string[]): void {
  const offset = mem[special + OFFSET]! >>> 0;
  const kind = mem[special + KIND]!;
  if (mem[special + SPAN] !== s) broken.push(`special ${special} of span ${s} says that it is of span ${mem[special + SPAN]!}`);
  if (!KINDS.has(kind)) broken.push(`special ${special} of span ${s} is of kind ${kind}, which there is not`);
  if (offset >= mem[s + NELEMS]! * (mem[s + ELEM_SIZE]! >>> 0)) broken.push(`special ${special} is at offset ${offset}, beyond the slots of span ${s}`);
  if (mem[special + REF] !== 0) broken.push(`special ${special} is not due, but keeps ${mem[special + REF]! >>> 0}`);
  if (kind === KIND_WEAK_HANDLE) {
    const addr = (mem[s + START_ADDR]! + offset) >>> 0;
    const value = mem[mem[special + HANDLE]! + VALUE]! >>> 0;
    if (value !== addr) broken.push(`weak handle ${mem[special + HANDLE]!} holds ${value}, not its object ${addr}`);
  }
  if ((kind === KIND_PROFILE) !== (mem[special + BUCKET] !== 0)) broken.push(`special ${special} of kind ${kind} has the bucket ${mem[special + BUCKET]!}`);
  if (kind === KIND_PROFILE && offset % (mem[s + ELEM_SIZE]! >>> 0) !== 0) broken.push(`the sample ${special} is at offset ${offset}, which is no slot's start`);
  if (before === 0) return;
  const beforeOffset = mem[before + OFFSET]! >>> 0;
  const beforeKind = mem[before + KIND]!;
  if (offset < beforeOffset || (offset === beforeOffset && kind < beforeKind)) broken.push(`special ${special} of span ${s} is not in order`);
  if (offset === beforeOffset && kind === beforeKind && kind !== KIND_CLEANUP) broken.push(`span ${s} has two specials of kind ${kind} at offset ${offset}`);
}

function checkFinalizers(mem: Int32Array, first: SpecialPtr, finalizers: Set<number>, broken: string[]): void {
  for (let special: number = first, before = 0; special !== 0; before = special, special = mem[special + NEXT_FINALIZER]!) {
    if (!finalizers.delete(special)) {
      broken.push(`the list of finalizers leads to ${special}, which is none of a span, or comes twice`);
      return;
    }
    if (mem[special + PREV_FINALIZER] !== before) broken.push(`finalizer ${special}: the one before it is ${before}, not ${mem[special + PREV_FINALIZER]!}`);
  }
  if (finalizers.size > 0) broken.push(`${finalizers.size} finalizers of spans are not on the list of finalizers`);
}
