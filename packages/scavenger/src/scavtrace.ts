/**
 * The scavenger's trace line, in Go's format (`GODEBUG=scavtrace=1`):
 *
 *     scav 1024 KiB work (bg), 64 KiB work (eager), 49384 KiB now, 92% util
 *          |                   |                    |              pages in use, of those in use or free and not released
 *          |                   |                    released in all, now
 *          |                   by allocating threads
 *          in the background, since the last line
 *
 * One for each cycle, when all is swept, and one for each `freeOSMemory`, which ends in " (forced)" and says what it released itself. A line
 * ends in " [controller reset]" when the controller has failed since the last.
 */

/** What a line says. Bytes. */
export interface ScavTraceFigures {
  readonly releasedBg: number;
  readonly releasedEager: number;
  readonly heapReleased: number;
  readonly heapInUse: number;
  /** HeapSys - HeapReleased. */
  readonly heapRetained: number;
  readonly forced: boolean;
  readonly controllerReset: boolean;
}

/** The line. No newline. */
export function formatScavTrace(f: ScavTraceFigures): string {
  const util = f.heapRetained === 0 ? 0 : Math.floor((f.heapInUse * 100) / f.heapRetained);
  const why = f.forced ? " (forced)" : f.controllerReset ? " [controller reset]" : "";
  return `scav ${kib(f.releasedBg)} KiB work (bg), ${kib(f.releasedEager)} KiB work (eager), ${kib(f.heapReleased)} KiB now, ${util}% util${why}`;
}

function kib(bytes: number): number {
  return Math.floor(bytes / 1024);
}
