/**
 * Type records: the types of a heap, as all its threads and the collector see them.
 *
 *     | next | nameHash | fingerprint | nameBytes | signatureBytes | size | kind | ptrWords | elemSize | mask ... | text ... |
 *                                                                  ▲
 *                                          typeAddr ───────────────┘ from here on the collector reads
 *
 * Records are never changed or removed once they are on the list, so the list is read without a lock; under the type lock
 * it only grows, at its head. The text, name and signature in UTF-8, is there to compare: a thread that declares a type of a
 * name that is there already gets the same record if the signatures are equal, and else an error that names the first field
 * in which they differ.
 *
 * **What the collector reads**, as 32-bit words from `typeAddr` on:
 *
 *     size       bytes of the object; of an array: of its header (8)
 *     kind       0: a struct, the map covers the object. 1: an array, the map covers one element; the first stands at byte
 *                8, the next `elemSize` bytes on, word 0 of the object says how many there are
 *     ptrWords   words of the object (of an element) up to and with the last pointer
 *     elemSize   bytes from one element to the next; 0 for a struct
 *     mask       ceil(ptrWords / 32) words: bit i & 31 of word i >> 5 is set when word i is a pointer
 */
import { addrOf, ptrOf, record, type Addr, type Ptr, type RecordLayout } from "@mallocgc/sysmem";
import { HeapError } from "../errors.ts";
import type { TypeLayout } from "./layout.ts";
import type { ObjectHeap } from "./object-heap.ts";

/** The fixed part of a type record; `mask` and the text follow. */
export const TypeRecord: RecordLayout<
  "next" | "nameHash" | "fingerprint" | "nameBytes" | "signatureBytes" | "size" | "kind" | "ptrWords" | "elemSize"
> = record("type", 9, {
  next: { access: "const", doc: "the type made before this one; 0: none" },
  nameHash: { access: "const", doc: "hash of the name" },
  fingerprint: { access: "const", doc: "hash of the name and the signature: equal layouts have equal ones" },
  nameBytes: { access: "const", doc: "length of the name in UTF-8; it follows the mask" },
  signatureBytes: { access: "const", doc: "length of the signature in UTF-8, lines of a field each; it follows the name" },
  size: { access: "const", doc: "bytes of the object; of an array: of its header. Here begins what the collector reads" },
  kind: { access: "const", doc: "0 struct, 1 array" },
  ptrWords: { access: "const", doc: "words up to and with the last pointer, of an element for arrays; the mask follows the record" },
  elemSize: { access: "const", doc: "arrays: bytes from one element to the next" },
});

const {
  next: NEXT, nameHash: NAME_HASH, fingerprint: FINGERPRINT, nameBytes: NAME_BYTES, signatureBytes: SIGNATURE_BYTES, size: SIZE, kind: KIND,
  ptrWords: PTR_WORDS, elemSize: ELEM_SIZE,
} = TypeRecord.offset;
const WORDS = TypeRecord.words;

/** The types of one heap, as one thread sees them. */
export class TypeRecords {
  private readonly heap: ObjectHeap;
  private readonly mem: Int32Array;

  constructor(heap: ObjectHeap) {
    this.heap = heap;
    this.mem = heap.region.i32;
  }

  /**
   * Finds or makes the record of a type; the address of the collector's part.
   *
   * @throws HeapError `ERR_TYPE_CONFLICT` when the heap has another layout under this name.
   */
  register(layout: TypeLayout): Addr {
    const hash = hashText(layout.name);
    // Without the lock first: nearly always the type is there, made by another thread or in another turn.
    let found = this.find(layout, hash);
    if (found === 0) found = this.heap.withTypeLock(() => this.find(layout, hash) || this.insertLocked(layout, hash));
    return addrOf(found + SIZE);
  }

  /** Names of all types, the latest first. */
  names(): string[] {
    const names: string[] = [];
    for (let t = this.head(); t !== 0; t = this.mem[t + NEXT]!) names.push(this.nameAt(t));
    return names;
  }

  /** The name of the type whose collector's part is at `typeAddr`. */
  nameOf(typeAddr: number): string {
    return this.nameAt(ptrOf(typeAddr) - SIZE);
  }

  private head(): number {
    // Pairs with the store in insertLocked: who finds a record finds it filled in.
    return Atomics.load(this.mem, this.heap.typeListHead);
  }

  private find(layout: TypeLayout, hash: number): number {
    const mem = this.mem;
    for (let t = this.head(); t !== 0; t = mem[t + NEXT]!) {
      if (mem[t + NAME_HASH] !== hash || this.nameAt(t) !== layout.name) continue;
      const signature = this.signatureAt(t);
      if (signature !== layout.signature.join("\n")) failConflict(layout, signature.split("\n"));
      return t;
    }
    return 0;
  }

  private insertLocked(layout: TypeLayout, hash: number): Ptr {
    const encoder = new TextEncoder();
    const signatureText = layout.signature.join("\n");
    const name = encoder.encode(layout.name);
    const signature = encoder.encode(signatureText);
    const mem = this.mem;
    const addr = this.heap.persistentAlloc((WORDS + layout.mask.length) * 4 + Math.ceil((name.length + signature.length) / 4) * 4);
    const t = ptrOf(addr);
    mem[t + NEXT] = mem[this.heap.typeListHead]!;
    mem[t + NAME_HASH] = hash;
    mem[t + FINGERPRINT] = fingerprintOf(layout);
    mem[t + NAME_BYTES] = name.length;
    mem[t + SIGNATURE_BYTES] = signature.length;
    mem[t + SIZE] = layout.size;
    mem[t + KIND] = layout.kind;
    mem[t + PTR_WORDS] = layout.ptrWords;
    mem[t + ELEM_SIZE] = layout.elemSize;
    mem.set(layout.mask, t + WORDS);
    const text = addr + (WORDS + layout.mask.length) * 4;
    this.heap.region.u8.set(name, text);
    this.heap.region.u8.set(signature, text + name.length);
    // Publishes the record: pairs with the load in head.
    Atomics.store(mem, this.heap.typeListHead, t);
    return t;
  }

  private nameAt(t: number): string {
    return this.text(this.textAddr(t), this.mem[t + NAME_BYTES]!);
  }

  private signatureAt(t: number): string {
    return this.text(this.textAddr(t) + this.mem[t + NAME_BYTES]!, this.mem[t + SIGNATURE_BYTES]!);
  }

  private textAddr(t: number): number {
    return addrOf(t + WORDS + ((this.mem[t + PTR_WORDS]! + 31) >>> 5));
  }

  private text(addr: number, nbytes: number): string {
    // A copy: TextDecoder takes no shared memory.
    return new TextDecoder().decode(this.heap.region.u8.slice(addr, addr + nbytes));
  }
}

/** A number that equal layouts share, and different ones nearly never. */
export function fingerprintOf(layout: TypeLayout): number {
  return hashText(`${layout.name}\n${layout.signature.join("\n")}`);
}

/** FNV-1a over UTF-16 units, as a signed word. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash | 0;
}

/** Names the first field in which the layouts differ, with both types. */
function failConflict(layout: TypeLayout, there: readonly string[]): never {
  const here = layout.signature;
  // An empty signature is one empty line.
  const at = (lines: readonly string[], i: number): string => lines[i] || "nothing";
  let i = 0;
  while (at(here, i) === at(there, i)) i++;
  throw new HeapError(
    "ERR_TYPE_CONFLICT",
    `type ${layout.name} is in this heap with another layout: its ${ordinal(i)} field is ${quote(at(there, i))} there and ${quote(at(here, i))} here; ` +
      "declare it alike in all threads, or under another name",
  );
}

function quote(line: string): string {
  return line === "nothing" ? line : `"${line}"`;
}

function ordinal(i: number): string {
  const n = i + 1;
  const suffix = n % 100 >= 11 && n % 100 <= 13 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th");
  return `${n}${suffix}`;
}
