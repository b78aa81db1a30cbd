/**
 * How far the indexing is, on stderr: a bar that redraws itself on a terminal, else a line every few seconds.
 *
 * It reads two counters of the shared heap; the workers send nothing.
 */
import type { Progress } from "../index/inverted-index.ts";
import { bytes, count } from "./format.ts";

const BAR_CELLS = 30;
const REDRAW_MS = 100;
const LINE_MS = 3000;

/** What the display needs of stderr. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Shows `read()` until the returned function is called. */
export function showProgress(out: ProgressOutput, read: () => Progress): () => void {
  const began = performance.now();
  let lastLine = began;
  const text = (): string => line(read(), performance.now() - began);
  const timer = setInterval(() => {
    if (out.isTTY === true) {
      out.write(`\r${text()}\x1b[K`);
    } else if (performance.now() - lastLine >= LINE_MS) {
      lastLine = performance.now();
      out.write(`${text()}\n`);
    }
  }, REDRAW_MS);
  return () => {
    clearInterval(timer);
    if (out.isTTY === true) out.write(`\r${text()}\x1b[K\n`);
  };
}

/** One line: a bar, per cent, files, text, speed. */
export function line(p: Progress, ms: number): string {
  const part = p.files === 0 ? 1 : p.filesDone / p.files;
  const full = Math.round(part * BAR_CELLS);
  const speed = ms === 0 ? 0 : (p.kibDone * 1.024) / ms;
  const bar = "#".repeat(full).padEnd(BAR_CELLS, ".");
  return `[${bar}] ${(part * 100).toFixed(0).padStart(3)} %  ${count(p.filesDone)}/${count(p.files)} files  ${bytes(p.kibDone * 1024)}  ${speed.toFixed(1)} MB/s`;
}
