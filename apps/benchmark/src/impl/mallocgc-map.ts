/**
 * The demo's map from words to what is known of them, as it stands: typed objects in shared memory, a mutex for each of 256 shards.
 *
 * Words are bytes in one array, with their hashes beside, as the demo has them from its tokenizer; the engine's strings know their hashes too. The value that
 * an operation reads or replaces is one field of the entry that was found.
 */
import { TermMap, hashTerm } from "@mallocgc/demo";
import type { Handle, Heap } from "@mallocgc/runtime";
import type { ObjectJob } from "../job.ts";
import type { Kernel } from "../kernels.ts";
import { mapKeys } from "../map-keys.ts";
import type { MapCase } from "../object-cases.ts";
import { openHeap } from "./mallocgc-heap.ts";

class MapKernel implements Kernel {
  /** What was read, so that no read can be left out. */
  sum = 0;
  private readonly heap: Heap;
  private readonly map: TermMap;
  private readonly kept: Handle;
  private readonly bytes: Uint8Array;
  private readonly starts: Uint32Array;
  private readonly hashes: Int32Array;
  private readonly update: boolean;
  private at = 0;

  constructor(heap: Heap, keys: readonly string[], update: boolean) {
    this.heap = heap;
    this.map = new TermMap(heap);
    this.bytes = new TextEncoder().encode(keys.join(""));
    this.starts = new Uint32Array(keys.length + 1);
    this.hashes = new Int32Array(keys.length);
    for (const [i, key] of keys.entries()) {
      this.starts[i + 1] = this.starts[i]! + key.length;
      this.hashes[i] = hashTerm(this.bytes.subarray(this.starts[i], this.starts[i + 1]), key.length);
    }
    this.update = update;
    this.kept = heap.turn(() => heap.root(this.map.create()));
    // In another order than that of the lookups, as for a Map.
    const order = [...keys.keys()].toSorted((a, b) => this.hashes[a]! - this.hashes[b]!);
    for (const i of order) {
      heap.turn(() => {
        this.map.add(this.kept.ref, this.bytes, this.starts[i]!, keys[i]!.length, this.hashes[i]!, 1, i + 1);
      });
    }
  }

  run(n: number): void {
    this.heap.safepoint();
    if (this.update) this.runUpdate(n);
    else this.runGet(n);
  }

  private runGet(n: number): void {
    const { map, bytes, starts, hashes } = this;
    const { occurrences } = map.entry;
    const terms = this.kept.ref;
    let at = this.at;
    let sum = 0;
    for (let i = 0; i < n; i++) {
      sum = (sum + occurrences.get(map.find(terms, bytes, starts[at]!, starts[at + 1]! - starts[at]!, hashes[at]!))) | 0;
      if (++at === hashes.length) at = 0;
    }
    this.at = at;
    this.sum = sum;
  }

  private runUpdate(n: number): void {
    const { map, bytes, starts, hashes } = this;
    const { occurrences } = map.entry;
    const terms = this.kept.ref;
    let at = this.at;
    for (let i = 0; i < n; i++) {
      occurrences.set(map.find(terms, bytes, starts[at]!, starts[at + 1]! - starts[at]!, hashes[at]!), i);
      if (++at === hashes.length) at = 0;
    }
    this.at = at;
  }
}

export async function map({ live, op, seed, heapBytes }: ObjectJob<MapCase>): Promise<Kernel> {
  return new MapKernel(await openHeap({ heapBytes, markers: 1 }), mapKeys(live, seed), op === "update");
}
