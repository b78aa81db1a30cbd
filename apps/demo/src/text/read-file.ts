/**
 * Reads whole files into one buffer that is used again and again, so that reading thousands of files leaves the
 * JavaScript heap as it was and the resident memory of the process shows the shared heap's.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** A file larger than this is not read. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** As git does: a zero byte this early means that the file is not text. */
const SNIFF_BYTES = 8000;
const FIRST_BUFFER_BYTES = 1024 * 1024;

/** Why a file was not indexed. */
export type SkipReason = "not text" | "too large" | "unreadable";

/** One thread's reader. */
export class FileReader {
  /** The bytes of the file read last; how many count is what `read` returned. */
  buffer: Uint8Array = new Uint8Array(FIRST_BUFFER_BYTES);

  /** Reads the file at `path` into `buffer`. Returns its length in bytes, or why it is skipped. */
  read(path: string): number | SkipReason {
    let fd: number;
    try {
      fd = openSync(path, "r");
    } catch {
      return "unreadable";
    }
    try {
      const size = fstatSync(fd).size;
      if (size > MAX_FILE_BYTES) return "too large";
      if (size > this.buffer.length) this.buffer = new Uint8Array(Math.min(MAX_FILE_BYTES, size * 2));
      let length = 0;
      while (length < size) {
        const n = readSync(fd, this.buffer, length, size - length, null);
        if (n === 0) break;
        length += n;
      }
      const zero = this.buffer.subarray(0, Math.min(length, SNIFF_BYTES)).indexOf(0);
      return zero < 0 ? length : "not text";
    } catch {
      return "unreadable";
    } finally {
      closeSync(fd);
    }
  }
}
