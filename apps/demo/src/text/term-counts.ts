/**
 * The terms of one file with their counts: a thread's scratch table, emptied for the next file.
 *
 * It exists so that a thread takes a shard's lock once per term of a file and not once per word. Open addressing over
 * typed arrays that grow to the largest file seen; emptied by going over the slots in use.
 */
import { Tokenizer } from "./tokenizer.ts";

const FIRST_SLOTS = 4096;

/** Where a term goes; `start` and `length` say where its bytes lie in `bytes`. */
export interface TermSink {
  add(bytes: Uint8Array, start: number, length: number, hash: number, file: number, count: number): void;
}

/** Counts the terms of one text at a time. */
export class TermCounts {
  /** Terms in the current text. */
  terms = 0;
  private readonly tokenizer = new Tokenizer();
  private slots = FIRST_SLOTS;
  private hashes = new Int32Array(FIRST_SLOTS);
  private counts = new Int32Array(FIRST_SLOTS);
  private starts = new Int32Array(FIRST_SLOTS);
  private lengths = new Uint8Array(FIRST_SLOTS);
  /** The slots in use, in the order in which their terms first occurred. */
  private used = new Int32Array(FIRST_SLOTS);
  private bytes = new Uint8Array(FIRST_SLOTS * 16);
  private bytesUsed = 0;

  /** Forgets the text before and counts the terms of the first `end` bytes of `text`. Returns the number of occurrences. */
  count(text: Uint8Array, end: number): number {
    this.clear();
    const tokenizer = this.tokenizer;
    tokenizer.begin(text, end);
    let occurrences = 0;
    while (tokenizer.next()) {
      this.countOne(tokenizer.term, tokenizer.length, tokenizer.hash);
      occurrences++;
    }
    return occurrences;
  }

  /** Hands each term of the text to `sink`, as occurring in `file`. */
  drainTo(sink: TermSink, file: number): void {
    for (let i = 0; i < this.terms; i++) {
      const slot = this.used[i]!;
      sink.add(this.bytes, this.starts[slot]!, this.lengths[slot]!, this.hashes[slot]!, file, this.counts[slot]!);
    }
  }

  private clear(): void {
    for (let i = 0; i < this.terms; i++) this.counts[this.used[i]!] = 0;
    this.terms = 0;
    this.bytesUsed = 0;
  }

  private countOne(term: Uint8Array, length: number, hash: number): void {
    const { counts, hashes } = this;
    const mask = this.slots - 1;
    let slot = hash & mask;
    while (counts[slot] !== 0) {
      if (hashes[slot] === hash && this.holds(slot, term, length)) {
        counts[slot]!++;
        return;
      }
      slot = (slot + 1) & mask;
    }
    this.insertSlow(slot, term, length, hash);
  }

  private holds(slot: number, term: Uint8Array, length: number): boolean {
    if (this.lengths[slot] !== length) return false;
    const start = this.starts[slot]!;
    for (let i = 0; i < length; i++) if (this.bytes[start + i] !== term[i]) return false;
    return true;
  }

  private insertSlow(slot: number, term: Uint8Array, length: number, hash: number): void {
    if (this.bytesUsed + length > this.bytes.length) {
      const bytes = new Uint8Array(this.bytes.length * 2);
      bytes.set(this.bytes);
      this.bytes = bytes;
    }
    for (let i = 0; i < length; i++) this.bytes[this.bytesUsed + i] = term[i]!;
    this.hashes[slot] = hash;
    this.counts[slot] = 1;
    this.starts[slot] = this.bytesUsed;
    this.lengths[slot] = length;
    this.used[this.terms++] = slot;
    this.bytesUsed += length;
    if (this.terms * 2 > this.slots) this.growSlow();
  }

  private growSlow(): void {
    const { hashes, counts, starts, lengths, used } = this;
    const slots = this.slots * 2;
    this.slots = slots;
    this.hashes = new Int32Array(slots);
    this.counts = new Int32Array(slots);
    this.starts = new Int32Array(slots);
    this.lengths = new Uint8Array(slots);
    this.used = new Int32Array(slots);
    for (let i = 0; i < this.terms; i++) {
      const from = used[i]!;
      let to = hashes[from]! & (slots - 1);
      while (this.counts[to] !== 0) to = (to + 1) & (slots - 1);
      this.hashes[to] = hashes[from]!;
      this.counts[to] = counts[from]!;
      this.starts[to] = starts[from]!;
      this.lengths[to] = lengths[from]!;
      this.used[i] = to;
    }
  }
}
