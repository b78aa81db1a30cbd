/** Writes `table.ts` from the generator: `node src/testing/table-source.ts` prints it, a test compares. */
import { generateSizeClasses } from "../generate.ts";

/** The source text of `table.ts`. */
export function tableSource(): string {
  const { rows, maxSmallSize } = generateSizeClasses();
  const list = (pick: (row: (typeof rows)[number]) => number): string => {
    const values = [0, ...rows.map(pick)].map(String);
    const lines: string[] = [];
    while (values.length > 0) lines.push(`  ${values.splice(0, 17).join(", ")},`);
    return lines.join("\n");
  };
  return `/**
 * Go's size classes, as the generator makes them for pages of 8 KiB. Written by testing/table-source.ts; do not edit.
 *
 * The table is carried rather than made on import: it is smaller than the generator, and costs nothing to load.
 */

/** How many size classes there are, class 0 (large objects) included. */
export const NUM_SIZE_CLASSES = ${rows.length + 1};
/** The largest class. */
export const MAX_SMALL_SIZE = ${maxSmallSize};

/** Bytes of an object, by size class. Read only. */
export const CLASS_TO_SIZE: Int32Array = /* @__PURE__ */ new Int32Array([
${list((row) => row.size)}
]);

/** Length of a span in pages of 8 KiB, by size class. Read only. */
export const CLASS_TO_PAGES: Int32Array = /* @__PURE__ */ new Int32Array([
${list((row) => row.pages)}
]);
`;
}

if (import.meta.main) process.stdout.write(tableSource());
