/**
 * Giving pages of the region back to the operating system, and asking which of them it backs.
 *
 * What `release` promises: the OS pages that lie wholly inside the range are no longer resident, their next reader finds
 * zeros, and the return value counts exactly their bytes. Where that cannot be had (libc.ts says where) the backend is "none"
 * and nothing is claimed.
 *
 * An OS page is usually 4 KiB and can be larger than a page of the heap (16 or 64 KiB on some ARM machines): so ranges
 * are rounded inward, and a single heap page may then give back nothing.
 */
import { SysmemError } from "./errors.ts";
import { openLibc, releaseAddresses, residentPages, type Libc, type OsPagesBackend } from "./libc.ts";
import type { Region } from "./region.ts";

/** Page release for one region, as {@link openOsPages} returns it. Each thread opens its own. */
export interface OsPages {
  readonly backend: OsPagesBackend;
  /** Bytes of an OS page; 0 when it is not known (backend "none"). */
  readonly pageSize: number;
  /** Calls that the OS refused, so far, through this object. */
  readonly failures: number;
  /**
   * Gives back the OS pages that lie wholly inside the range. Returns their bytes, 0 when there are none or the OS refused.
   * Whoever holds the pages calls it: what they held is gone.
   *
   * @throws SysmemError `ERR_OS_RANGE` when the range is not inside the region.
   */
  release(byteOffset: number, byteLength: number): number;
  /**
   * Bytes of the OS pages that the range touches and that are in physical memory; -1 when that cannot be known.
   *
   * @throws SysmemError `ERR_OS_RANGE` when the range is not inside the region.
   */
  resident(byteOffset: number, byteLength: number): number;
}

/**
 * Finds a way to release this region's pages. Never throws for want of one: then `backend` is "none".
 *
 * @throws SysmemError `ERR_OS_ALIGNMENT` when the region does not start on an OS page (a WebAssembly.Memory does).
 */
export function openOsPages(region: Region): OsPages {
  const libc = openLibc();
  if (libc === undefined) return new NoOsPages(region.byteLength);
  const base = libc.addressOf(region.buffer);
  if (base % libc.pageSize !== 0) {
    throw new SysmemError(
      "ERR_OS_ALIGNMENT",
      `the region starts ${base % libc.pageSize} bytes into an OS page of ${libc.pageSize}: make it with createRegion, whose memory starts on one`,
    );
  }
  return new LibcOsPages(region, base, libc);
}

class NoOsPages implements OsPages {
  readonly backend = "none";
  readonly pageSize = 0;
  readonly failures = 0;
  private readonly byteLength: number;

  constructor(byteLength: number) {
    this.byteLength = byteLength;
  }

  release(byteOffset: number, byteLength: number): number {
    checkRange(byteOffset, byteLength, this.byteLength);
    return 0;
  }

  resident(byteOffset: number, byteLength: number): number {
    checkRange(byteOffset, byteLength, this.byteLength);
    return -1;
  }
}

class LibcOsPages implements OsPages {
  readonly backend: OsPagesBackend;
  readonly pageSize: number;
  failures = 0;
  /** Kept so that the memory behind `base` lives as long as this object. */
  private readonly region: Region;
  private readonly base: number;
  private readonly libc: Libc;

  constructor(region: Region, base: number, libc: Libc) {
    this.region = region;
    this.base = base;
    this.libc = libc;
    this.backend = libc.backend;
    this.pageSize = libc.pageSize;
  }

  release(byteOffset: number, byteLength: number): number {
    checkRange(byteOffset, byteLength, this.region.byteLength);
    const released = releaseAddresses(this.libc, this.base + byteOffset, byteLength);
    if (released >= 0) return released;
    this.failures++;
    return 0;
  }

  resident(byteOffset: number, byteLength: number): number {
    checkRange(byteOffset, byteLength, this.region.byteLength);
    const pages = residentPages(this.libc, this.base + byteOffset, byteLength);
    if (pages >= 0) return pages * this.pageSize;
    this.failures++;
    return -1;
  }
}

function checkRange(byteOffset: number, byteLength: number, regionBytes: number): void {
  if (Number.isInteger(byteOffset) && Number.isInteger(byteLength) && byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= regionBytes) return;
  throw new SysmemError("ERR_OS_RANGE", `the range of ${String(byteLength)} bytes at ${String(byteOffset)} is not inside the region of ${regionBytes} bytes`);
}
