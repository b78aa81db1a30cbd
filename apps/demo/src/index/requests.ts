/**
 * What one thread asked of the heap: how often, and in what sizes.
 *
 * The heap rounds a request up to a size class, so it does not know the sizes that a program asks for. Who allocates says so here. Nothing is
 * taken off again: what has died is the collector's affair.
 */

/** Below this size requests are counted in an array, above it in a map. */
const COUNTED_IN_ARRAY = 4096;

/** Bytes before the elements of an array object, and before the text of a string. */
export const OBJECT_HEAD = 8;

/** The requests of one thread. */
export class Requests {
  /** Requests so far. */
  total = 0;
  private readonly small = new Uint32Array(COUNTED_IN_ARRAY);
  private readonly large = new Map<number, number>();

  /** Counts a request that was granted. */
  note(nbytes: number): void {
    this.total++;
    if (nbytes < COUNTED_IN_ARRAY) this.small[nbytes]!++;
    else this.large.set(nbytes, (this.large.get(nbytes) ?? 0) + 1);
  }

  /** How often each size was asked for, ascending. */
  sizes(): [size: number, count: number][] {
    const pairs: [number, number][] = [];
    for (let size = 0; size < COUNTED_IN_ARRAY; size++) {
      if (this.small[size] !== 0) pairs.push([size, this.small[size]!]);
    }
    return pairs.concat([...this.large].sort((a, b) => a[0] - b[0]));
  }
}
