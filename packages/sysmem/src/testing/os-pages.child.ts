/**
 * Releases pages for real and prints what it saw, as JSON. Run as a process of its own by os-pages.test.ts: RSS belongs to a
 * process, and a backend is chosen once per thread.
 */
import { readFileSync } from "node:fs";
import { createRegion, openOsPages } from "../index.ts";

const MIB = 1 << 20;
const TOUCHED = 64 * MIB;

/** What the child reports. */
export interface OsPagesReport {
  readonly backend: string;
  readonly pageSize: number;
  readonly residentBefore: number;
  readonly residentTouched: number;
  readonly released: number;
  readonly residentAfter: number;
  readonly nonZeroAfter: number;
  readonly neighbourKept: boolean;
  readonly rssFell: number;
  readonly residentRetouched: number;
  readonly failures: number;
}

function rss(): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return Number(kib) * 1024;
}

const region = createRegion(256 * MIB, process.argv[2] !== "unshared");
const os = openOsPages(region);
const words = region.i32.subarray(0, TOUCHED / 4);
const residentBefore = os.resident(0, TOUCHED);
words.fill(0x5a5a5a5a);
region.u8[TOUCHED] = 7;
const residentTouched = os.resident(0, TOUCHED);
const rssTouched = rss();
const released = os.release(0, TOUCHED);
const rssAfter = rss();
const residentAfter = os.resident(0, TOUCHED);
const nonZeroAfter = words.reduce((n, word) => n + (word === 0 ? 0 : 1), 0);
words[0] = 1;
const report: OsPagesReport = {
  backend: os.backend,
  pageSize: os.pageSize,
  residentBefore,
  residentTouched,
  released,
  residentAfter,
  nonZeroAfter,
  neighbourKept: region.u8[TOUCHED] === 7,
  rssFell: rssTouched - rssAfter,
  residentRetouched: os.resident(0, 4),
  failures: os.failures,
};
console.log(JSON.stringify(report));
