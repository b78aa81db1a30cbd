/**
 * How size classes come about.
 *
 * An allocator that gives each size its own span wastes spans; one that rounds all sizes up to powers of two wastes up
 * to half of each object. Size classes are the compromise: a short list of sizes, and for each the number of pages of a
 * span, such that two wastes stay small:
 *
 *     | obj | obj | obj | ... | obj |  tail |      tail waste: the rest of a span in which no object fits, <= 1/8
 *     |<------- one span ---------->|       |
 *
 *     | what was asked |   rounding |              internal waste: a class is at most a step larger than the one before
 *     |<---- size of the class ---->|
 *
 * The list is made in two passes:
 *
 * 1. Walk candidate sizes upward. The step is `minAlign` first and grows at powers of two: 16 from 32 on, 1/8 of the
 *    size from 128 on, 256 from 2048 on; so an object of a power-of-two class is aligned to a useful power of two. A
 *    candidate gets the fewest pages that keep the tail at 1/8 of the span or below. A candidate with the same pages and
 *    the same number of objects as its predecessor replaces it: the larger size costs nothing.
 * 2. Raise each class to the largest multiple of 128 that still fits as often into its span: tail turned into objects.
 *    With pages of 4 KiB or less a class can overtake its successor by this; then the sizes are put in order, and of two
 *    equal ones that with the shorter span stays. (With Go's parameters it never happens; Go's generator has no such step.)
 *
 * What holds of the result (checked before it is returned; `ERR_SELF_CHECK` would be a defect of this file):
 * sizes strictly ascend from at least `minAlign` to exactly `maxSmallSize`; each is a multiple of `minAlign`; above 1024
 * each is a multiple of 128, below it of 8, which is what makes the two lookup tables exact; the tail is at most 1/8 of
 * the span. And `divMagic` divides exactly every offset of the span, which bounds the parameters (`ERR_DIV_MAGIC`).
 *
 * With Go's parameters (pages of 8 KiB, small up to 32 KiB, aligned to 8) this gives Go's 67 classes and class 0.
 */
import { SizeClassError } from "./errors.ts";

/** Sizes up to {@link SMALL_SIZE_MAX} are looked up in steps of this many bytes. */
export const SMALL_SIZE_DIV = 8;
/** The size at which the lookup changes from steps of 8 to steps of 128. */
export const SMALL_SIZE_MAX = 1024;
/** Sizes above {@link SMALL_SIZE_MAX} are looked up in steps of this many bytes. */
export const LARGE_SIZE_DIV = 128;

/** Parameters of {@link generateSizeClasses}; the defaults are Go's. */
export interface GenerateOptions {
  /** Bytes of a page, the unit of spans: a power of two, 1 KiB to 64 KiB. Default 8192. */
  readonly pageSize?: number;
  /** The largest class: a power of two, 2 KiB to 64 KiB. Default 32768. */
  readonly maxSmallSize?: number;
  /** What every address is a multiple of: a power of two, 8 to 128. Default 8. */
  readonly minAlign?: number;
}

/** One size class. Class 0 is no class of small objects (in Go: large ones) and has no row. */
export interface SizeClassRow {
  readonly class: number;
  /** Bytes of each object of the class. */
  readonly size: number;
  /** Length of a span of the class, in pages. */
  readonly pages: number;
  /** How many objects fit into a span. */
  readonly objects: number;
  /** Bytes at the end of a span in which no object fits. */
  readonly tailWaste: number;
  /** The largest part of a span that can be lost to rounding and tail together (0.125 is 12.5 %). */
  readonly maxWaste: number;
  /** What the address of each object is a multiple of, in a span that starts at a page. */
  readonly minAlign: number;
  /** floor((2^32 - 1) / size) + 1: offset * divMagic / 2^32, rounded down, is offset / size rounded down. */
  readonly divMagic: number;
}

/** From which size on every object is aligned to `align` bytes. */
export interface AlignmentGuarantee {
  readonly align: number;
  readonly fromSize: number;
}

/** The result of {@link generateSizeClasses}. */
export interface SizeClassTable {
  readonly pageSize: number;
  readonly maxSmallSize: number;
  /** Classes 1, 2, ...: the row of class c is `rows[c - 1]`. */
  readonly rows: readonly SizeClassRow[];
  /** The alignment that is guaranteed from some size on, ascending. */
  readonly alignments: readonly AlignmentGuarantee[];
  /** Class by ceil(size / 8), for sizes up to 1016. */
  readonly sizeToClass8: Uint8Array;
  /** Class by ceil((size - 1024) / 128), for larger sizes. */
  readonly sizeToClass128: Uint8Array;
  /** The smallest class that holds `size` bytes, 1 to `maxSmallSize`. */
  sizeToClass(size: number): number;
}

/**
 * Makes the size classes for a page size, a largest size and an alignment.
 *
 * @throws SizeClassError `ERR_PAGE_SIZE`, `ERR_MAX_SMALL_SIZE`, `ERR_MIN_ALIGN` for a parameter that is not a power of
 * two in its range; `ERR_DIV_MAGIC` when they make spans so long that 32 bits cannot divide their offsets exactly (which
 * happens when `maxSmallSize` is 64 KiB and pages are 16 KiB or more).
 */
export function generateSizeClasses(options: GenerateOptions = {}): SizeClassTable {
  const { pageSize = 8192, maxSmallSize = 32768, minAlign = 8 } = options;
  checkPowerOfTwo("ERR_PAGE_SIZE", "pageSize", pageSize, 1024, 65536);
  checkPowerOfTwo("ERR_MAX_SMALL_SIZE", "maxSmallSize", maxSmallSize, 2048, 65536);
  checkPowerOfTwo("ERR_MIN_ALIGN", "minAlign", minAlign, 8, 128);

  const runs = raise(chooseSizes(pageSize, maxSmallSize, minAlign), pageSize);
  const rows = describe(runs, pageSize);
  const inexact = rows.find((row) => !dividesExactly(row));
  if (inexact !== undefined) {
    throw new SizeClassError(
      "ERR_DIV_MAGIC",
      `pageSize ${pageSize}, maxSmallSize ${maxSmallSize} make spans of ${inexact.pages * pageSize} bytes for objects of ${inexact.size}, ` +
        "whose offsets 32 bits cannot divide exactly: take a smaller pageSize or maxSmallSize",
    );
  }
  selfCheck(rows, pageSize, maxSmallSize, minAlign);

  const sizes = [0, ...rows.map((row) => row.size)];
  const sizeToClass8 = new Uint8Array(SMALL_SIZE_MAX / SMALL_SIZE_DIV + 1);
  const sizeToClass128 = new Uint8Array((maxSmallSize - SMALL_SIZE_MAX) / LARGE_SIZE_DIV + 1);
  fillLookup(sizeToClass8, sizes, 0, SMALL_SIZE_DIV);
  fillLookup(sizeToClass128, sizes, SMALL_SIZE_MAX, LARGE_SIZE_DIV);

  return {
    pageSize,
    maxSmallSize,
    rows,
    alignments: alignmentsOf(rows, pageSize),
    sizeToClass8,
    sizeToClass128,
    sizeToClass(size: number): number {
      if (!Number.isInteger(size) || size < 1 || size > maxSmallSize) {
        throw new SizeClassError("ERR_SIZE", `size must be an integer from 1 to ${maxSmallSize}, not ${String(size)}`);
      }
      return size <= SMALL_SIZE_MAX - SMALL_SIZE_DIV
        ? sizeToClass8[Math.ceil(size / SMALL_SIZE_DIV)]!
        : sizeToClass128[Math.ceil((size - SMALL_SIZE_MAX) / LARGE_SIZE_DIV)]!;
    },
  };
}

/** Fills `table` so that entry i is the smallest class that holds `base + i * step` bytes; `sizes[0]` is 0. */
export function fillLookup(table: Uint8Array, sizes: ArrayLike<number>, base: number, step: number): void {
  let sizeClass = 0;
  for (let i = 0; i < table.length; i++) {
    while (sizes[sizeClass]! < base + i * step) sizeClass++;
    table[i] = sizeClass;
  }
}

/** The multiplier that replaces a division by `size`: see {@link SizeClassRow.divMagic}. */
export function divMagicOf(size: number): number {
  return Math.floor(0xffffffff / size) + 1;
}

interface Run {
  readonly size: number;
  readonly pages: number;
}

/** Pass 1: candidate sizes with their pages, equals merged. */
function chooseSizes(pageSize: number, maxSmallSize: number, minAlign: number): Run[] {
  const runs: Run[] = [];
  let step = minAlign;
  for (let size = step; size <= maxSmallSize; size += step) {
    if (isPowerOfTwo(size)) step = Math.max(minAlign, stepFrom(size));
    let spanBytes = pageSize;
    while (spanBytes % size > spanBytes / 8) spanBytes += pageSize;
    const pages = spanBytes / pageSize;
    const last = runs.at(-1);
    if (last?.pages === pages && Math.floor(spanBytes / last.size) === Math.floor(spanBytes / size)) runs.pop();
    runs.push({ size, pages });
  }
  return runs;
}

/** The distance to the next candidate from a size that is a power of two. */
function stepFrom(size: number): number {
  if (size >= 2048) return 256;
  if (size >= 128) return size / 8;
  return size >= 32 ? 16 : 8;
}

/** Pass 2: each size raised as far as the span holds the same number, then put in order. */
function raise(runs: readonly Run[], pageSize: number): Run[] {
  return runs
    .map(({ size, pages }) => {
      const spanBytes = pages * pageSize;
      const share = spanBytes / Math.floor(spanBytes / size);
      return { size: Math.max(size, Math.floor(share / LARGE_SIZE_DIV) * LARGE_SIZE_DIV), pages };
    })
    .sort((a, b) => a.size - b.size || a.pages - b.pages)
    .filter((run, i, all) => run.size !== all[i - 1]?.size);
}

/** The figures of each class. */
function describe(runs: readonly Run[], pageSize: number): SizeClassRow[] {
  let smaller = 0;
  return runs.map(({ size, pages }, i) => {
    const spanBytes = pages * pageSize;
    const objects = Math.floor(spanBytes / size);
    const tailWaste = spanBytes - objects * size;
    // The worst that can be asked of a class is one byte more than the class below holds, in every slot.
    const maxWaste = ((size - smaller - 1) * objects + tailWaste) / spanBytes;
    smaller = size;
    const minAlign = Math.min(lowestBit(size), pageSize);
    return { class: i + 1, size, pages, objects, tailWaste, maxWaste, minAlign, divMagic: divMagicOf(size) };
  });
}

/** For each alignment, the smallest size from which on no class is aligned to less; equal sizes keep the largest alignment. */
function alignmentsOf(rows: readonly SizeClassRow[], pageSize: number): AlignmentGuarantee[] {
  const found: AlignmentGuarantee[] = [];
  for (let align = pageSize; align >= 8; align /= 2) {
    let i = rows.length;
    while (i > 0 && rows[i - 1]!.minAlign >= align) i--;
    const first = rows[i];
    if (first !== undefined && found.at(-1)?.fromSize !== first.size) found.push({ align, fromSize: first.size });
  }
  return found.reverse();
}

function selfCheck(rows: readonly SizeClassRow[], pageSize: number, maxSmallSize: number, minAlign: number): void {
  let smaller = 0;
  for (const row of rows) {
    const { size } = row;
    const spanBytes = row.pages * pageSize;
    require(size > smaller, row, "is not larger than the class below");
    require(size % minAlign === 0, row, `is no multiple of ${minAlign}`);
    require(size % (size > SMALL_SIZE_MAX ? LARGE_SIZE_DIV : SMALL_SIZE_DIV) === 0, row, "cannot be told apart by the lookup tables");
    require(row.tailWaste <= spanBytes / 8, row, "wastes more than 1/8 of its span at the tail");
    smaller = size;
  }
  require(smaller === maxSmallSize, rows.at(-1)!, `is not ${maxSmallSize}`);
}

/**
 * Whether `divMagic` divides each offset of the span exactly. divMagic * size = 2^32 + excess, so the product is off from
 * offset / size by offset * excess / (size * 2^32). The quotient has 1/size to spare before it reaches the next integer,
 * hence offset * excess must stay below 2^32; the offset that comes closest is the last byte of the last object
 * (offsets with a smaller remainder have at least another 2^32 to spare, as excess < size <= 2^16).
 */
function dividesExactly(row: SizeClassRow): boolean {
  const excess = row.divMagic * row.size - 2 ** 32;
  return excess >= 0 && (row.objects * row.size - 1) * excess < 2 ** 32;
}

function require(holds: boolean, row: SizeClassRow, failure: string): void {
  if (!holds) {
    throw new SizeClassError("ERR_SELF_CHECK", `size class ${row.class} (${row.size} bytes, ${row.pages} pages) ${failure}`);
  }
}

function checkPowerOfTwo(
  code: "ERR_PAGE_SIZE" | "ERR_MAX_SMALL_SIZE" | "ERR_MIN_ALIGN",
  name: string,
  value: number,
  least: number,
  most: number,
): void {
  if (!isPowerOfTwo(value) || value < least || value > most) {
    throw new SizeClassError(code, `${name} must be a power of two from ${least} to ${most}, not ${String(value)}`);
  }
}

function isPowerOfTwo(n: number): boolean {
  return Number.isInteger(n) && n > 0 && n < 2 ** 31 && (n & (n - 1)) === 0;
}

function lowestBit(n: number): number {
  return n & -n;
}
