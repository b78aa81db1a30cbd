/**
 * The mixed sizes: the block sizes that the demo asked its heap for, recorded as `[size, count]` pairs.
 *
 * A benchmark does not want to draw sizes while the clock runs, so it draws a table of them beforehand (`sizeTable`) and
 * walks round it. The table's length is a power of two: the walk is one `&`. A fixed size is a table of one.
 */
import { readFile } from "node:fs/promises";
import type { BlockSize } from "./cases.ts";
import { xorshift32 } from "./random.ts";

export type Distribution = readonly (readonly [size: number, count: number])[];

/** Where the demo's sizes are kept; Go's program reads the same file. */
export const DISTRIBUTION_URL: URL = new URL("../data/demo-sizes.json", import.meta.url);

const TABLE_LENGTH = 1 << 16;

/** Reads and checks a distribution. @throws Error that names the file and what is wrong with it. */
export async function readDistribution(url: URL): Promise<Distribution> {
  const pairs: unknown = JSON.parse(await readFile(url, "utf8"));
  if (!Array.isArray(pairs) || pairs.length === 0) throw new Error(`${url.pathname}: expected a list of [size, count] pairs`);
  return pairs.map((pair: unknown, i) => {
    const [size, count] = Array.isArray(pair) ? (pair as unknown[]) : [];
    if (!isPositiveInteger(size) || !isPositiveInteger(count)) {
      throw new Error(`${url.pathname}: entry ${i} is not a [size, count] pair of positive integers: ${JSON.stringify(pair)}`);
    }
    return [size, count] as const;
  });
}

/** The sizes to ask for, in order: a power of two of them, drawn with `seed`. */
export function sizeTable(size: BlockSize, distribution: Distribution | undefined, seed: number): Uint32Array {
  if (size !== "mixed") return Uint32Array.of(size);
  if (distribution === undefined) throw new Error("mixed sizes need a distribution");
  const upTo: number[] = [];
  let total = 0;
  for (const [, count] of distribution) upTo.push((total += count));
  const next = xorshift32(seed);
  return Uint32Array.from({ length: TABLE_LENGTH }, () => {
    const ticket = Math.floor((next() / 2 ** 32) * total);
    return distribution[firstAbove(upTo, ticket)]![0];
  });
}

/** The mean block size, for sums about memory. */
export function meanSize(size: BlockSize, distribution: Distribution | undefined): number {
  if (size !== "mixed") return size;
  let bytes = 0;
  let blocks = 0;
  for (const [blockSize, count] of distribution ?? []) {
    bytes += blockSize * count;
    blocks += count;
  }
  return blocks === 0 ? 0 : bytes / blocks;
}

/** Index of the first element of the ascending list that is above `x`. */
function firstAbove(ascending: readonly number[], x: number): number {
  let lo = 0;
  let hi = ascending.length - 1;
  while (lo < hi) {
    const mid = (lo + hi) >>> 1;
    if (ascending[mid]! > x) hi = mid;
    else lo = mid + 1;
  }
  return lo;
}

function isPositiveInteger(x: unknown): x is number {
  return Number.isSafeInteger(x) && (x as number) > 0;
}
