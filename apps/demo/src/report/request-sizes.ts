/**
 * The sizes that the demo asked of the heap, as a distribution: `[[size, count], ...]`, ascending.
 *
 * A benchmark that draws sizes from it allocates as this program does. To keep the file small, sizes that occur seldom are
 * merged into the next larger one that is kept; so no request shrinks, and the number of requests stays what it was.
 */

/** A size and how often it was asked for. */
export type SizeCount = readonly [size: number, count: number];

/** Adds up the distributions of several threads. */
export function addSizes(parts: readonly (readonly SizeCount[])[]): SizeCount[] {
  const sums = new Map<number, number>();
  for (const part of parts) {
    for (const [size, count] of part) sums.set(size, (sums.get(size) ?? 0) + count);
  }
  return [...sums].sort((a, b) => a[0] - b[0]);
}

/** The distribution in at most `most` sizes: the most frequent ones and the largest. */
export function compactSizes(sizes: readonly SizeCount[], most: number): SizeCount[] {
  const kept = new Set(
    [...sizes]
      .sort((a, b) => b[1] - a[1] || a[0] - b[0])
      .slice(0, most - 1)
      .map(([size]) => size),
  );
  const largest = sizes.at(-1);
  if (largest !== undefined) kept.add(largest[0]);
  const out: SizeCount[] = [];
  let merged = 0;
  for (const [size, count] of sizes) {
    merged += count;
    if (kept.has(size)) {
      out.push([size, merged]);
      merged = 0;
    }
  }
  return out;
}
