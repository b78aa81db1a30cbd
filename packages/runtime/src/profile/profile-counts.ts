/**
 * What is counted for a bucket, and when it shows: Go's accounting in three cycles, so that a profile is that of one moment, the end of a cycle's marking.
 *
 * An allocation shows at once, garbage only when it is swept; a profile of both as they come would show garbage as in use, more or less of it as the sweep goes on.
 * So both wait for the end of a cycle. With C the number of cycles whose marking is over:
 *
 *     an allocation         counts for cycle C + 2
 *     a free by the sweep   counts for C + 1: the sweep that follows the C-th marking finds what was allocated before it, which counts for C + 1 at the latest
 *     marking is over       C := C + 1, and what counts for the new C is added to the active counts, which are what a profile shows
 *     a forced cycle is     what counts for C + 1 is added as well: everything up to the end of its marking, and the frees of its sweep
 *     swept
 *
 * (A P that has not noticed yet that marking is over counts an allocation for C + 1 after it. It is of before that moment, so that is where it belongs.)
 *
 * Until the first cycle, and in a by-hand heap, which has none, a profile shows all that was counted so far.
 */
import { RANK_PROFILE, type Mutexes, type Ptr, type Region } from "@mallocgc/sysmem";
import type { SampleCounts } from "@mallocgc/gc";
import { COUNTS, ProfileBucket, ProfileState, type BucketPtr } from "./profile-record.ts";

const { counts: AT, all: ALL, size: SIZE } = ProfileBucket.offset;
const { lock: LOCK, cycle: CYCLE, buckets: BUCKETS, lost: LOST, overflow: OVERFLOW, taken: TAKEN } = ProfileState.offset;
const RANK = RANK_PROFILE;
const SET = COUNTS;
/** Cycles to come that are counted for. */
const AHEAD = 3;
/** The cycle number starts anew at a multiple of 3; Go's number. */
const CYCLE_WRAP: number = 3 << 25;
/** In a set. */
const ALLOCS = 0;
const FREES = 1;
const ALLOC_BYTES = 2;
const FREE_BYTES = 3;

/** What the profile shows of a bucket: sampled objects and bytes. */
export interface BucketCounts {
  readonly bucket: BucketPtr;
  readonly allocObjects: number;
  readonly allocBytes: number;
  readonly freeObjects: number;
  readonly freeBytes: number;
}

/** The counts of one region's heap profile, as one thread sees them. */
export class ProfileCounts implements SampleCounts {
  private readonly mem: Int32Array;
  private readonly f64: Float64Array;
  private readonly state: Ptr;
  private readonly mutexes: Mutexes;
  private readonly collected: boolean;

  constructor(region: Region, state: Ptr, mutexes: Mutexes, collected: boolean) {
    this.mem = region.i32;
    this.f64 = region.f64;
    this.state = state;
    this.mutexes = mutexes;
    this.collected = collected;
  }

  /** An object of `bytes` was sampled. */
  countAlloc(bucket: Ptr, bytes: number): void {
    this.lock();
    this.add(bucket, 2, ALLOCS, 1);
    this.add(bucket, 2, ALLOC_BYTES, bytes);
    this.unlock();
  }

  /** A sampled object of `bytes` was found dead, or freed by hand. */
  countFree(bucket: Ptr, bytes: number): void {
    this.lock();
    this.add(bucket, 1, FREES, 1);
    this.add(bucket, 1, FREE_BYTES, bytes);
    this.unlock();
  }

  /** A sample was not counted, because the region was full. */
  countLost(): void {
    Atomics.add(this.mem, this.state + LOST, 1);
  }

  /** Samples that were not counted. */
  get lost(): number {
    return Atomics.load(this.mem, this.state + LOST);
  }

  /** Marking is over, and nothing is swept yet: the driver says so. */
  nextCycle(): void {
    this.lock();
    this.mem[this.state + CYCLE] = (this.mem[this.state + CYCLE]! + 1) % CYCLE_WRAP;
    this.publishLocked(this.setOf(0));
    this.unlock();
  }

  /** All that was garbage at the end of that marking is swept: a forced cycle shows it at once. */
  postSweep(): void {
    this.lock();
    this.publishLocked(this.setOf(1));
    this.unlock();
  }

  /** What a profile shows now, of buckets in which anything was counted. */
  read(): BucketCounts[] {
    this.lock();
    if (!this.collected || this.nothingShownLocked()) for (let set = 1; set <= AHEAD; set++) this.publishLocked(set);
    const found: BucketCounts[] = [];
    this.forEachLocked((bucket) => {
      const { f64 } = this;
      const at = this.at(bucket, 0);
      if (f64[at + ALLOCS] === 0) return;
      found.push({ bucket, allocObjects: f64[at + ALLOCS]!, allocBytes: f64[at + ALLOC_BYTES]!, freeObjects: f64[at + FREES]!, freeBytes: f64[at + FREE_BYTES]! });
    });
    this.unlock();
    return found;
  }

  /** Whether the list of buckets ends, within the region. */
  listIsWhole(): boolean {
    const { mem } = this;
    let left = Atomics.load(mem, this.state + TAKEN) / (ProfileBucket.words * 4);
    let bucket = Atomics.load(mem, this.state + BUCKETS);
    for (; bucket > 0 && bucket + ProfileBucket.words <= mem.length && left > 0; left--) bucket = mem[bucket + ALL]!;
    return bucket === 0;
  }

  /** What was counted in every bucket, whether it shows yet or not: for the verifier. */
  totals(): (BucketCounts & { readonly size: number })[] {
    this.lock();
    const found: (BucketCounts & { readonly size: number })[] = [];
    this.forEachLocked((bucket) => {
      const sum = (count: number): number => Array.from({ length: 1 + AHEAD }, (_, set) => this.f64[this.at(bucket, set) + count]!).reduce((a, b) => a + b);
      found.push({
        bucket, size: this.mem[bucket + SIZE]! >>> 0,
        allocObjects: sum(ALLOCS), allocBytes: sum(ALLOC_BYTES), freeObjects: sum(FREES), freeBytes: sum(FREE_BYTES),
      });
    });
    this.unlock();
    return found;
  }

  private add(bucket: Ptr, ahead: number, count: number, n: number): void {
    const at = this.at(bucket, this.setOf(ahead)) + count;
    this.f64[at] = this.f64[at]! + n;
  }

  /** The set, after the active one, of what counts for cycle C + `ahead`. */
  private setOf(ahead: number): number {
    return 1 + ((this.mem[this.state + CYCLE]! + ahead) % AHEAD);
  }

  private at(bucket: Ptr, set: number): number {
    return ((bucket + AT) >>> 1) + set * SET;
  }

  private publishLocked(set: number): void {
    const f64 = this.f64;
    this.forEachLocked((bucket) => {
      const from = this.at(bucket, set);
      const active = this.at(bucket, 0);
      for (let i = 0; i < SET; i++) {
        f64[active + i] = f64[active + i]! + f64[from + i]!;
        f64[from + i] = 0;
      }
    });
  }

  private nothingShownLocked(): boolean {
    let shown = false;
    this.forEachLocked((bucket) => {
      const at = this.at(bucket, 0);
      shown ||= this.f64[at + ALLOCS] !== 0 || this.f64[at + FREES] !== 0;
    });
    return !shown;
  }

  private forEachLocked(visit: (bucket: BucketPtr) => void): void {
    visit((this.state + OVERFLOW) as BucketPtr);
    for (let bucket = this.mem[this.state + BUCKETS]!; bucket !== 0; bucket = this.mem[bucket + ALL]!) visit(bucket as BucketPtr);
  }

  private lock(): void {
    this.mutexes.lock((this.state + LOCK) as Ptr, RANK);
  }

  private unlock(): void {
    this.mutexes.unlock((this.state + LOCK) as Ptr, RANK);
  }
}
