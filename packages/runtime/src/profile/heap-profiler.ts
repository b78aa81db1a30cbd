/** The heap profile of one region, as one thread sees it: stacks, counts and rate. */
import { Cache } from "@mallocgc/mcache";
import type { Heap as PageHeap } from "@mallocgc/mheap";
import type { Mutexes, Ptr, Region, RegionPlan } from "@mallocgc/sysmem";
import { ProfileCounts } from "./profile-counts.ts";
import { ProfileMemory } from "./profile-memory.ts";
import { ProfileState, indexHeads } from "./profile-record.ts";
import { StackTable } from "./stack-table.ts";

/** What of the region belongs to the heap profile. */
export class HeapProfiler {
  readonly stacks: StackTable;
  readonly counts: ProfileCounts;
  readonly memory: ProfileMemory;
  private readonly mem: Int32Array;
  private readonly rateWord: Ptr;

  constructor(region: Region, plan: RegionPlan, mutexes: Mutexes, pages: PageHeap, collected: boolean) {
    const state = plan.at("profile");
    this.mem = region.i32;
    this.rateWord = Cache.rateWord(plan.at("mcache"));
    this.memory = new ProfileMemory(region.i32, state, pages);
    this.stacks = new StackTable(region, state, plan.at("profile.index"), indexHeads(region.byteLength), mutexes, this.memory);
    this.counts = new ProfileCounts(region, state, mutexes, collected);
  }

  /** Fills in the words of a new region. */
  static init(mem: Int32Array, plan: RegionPlan, rate: number, tableBytes: number): void {
    mem[plan.at("profile") + ProfileState.offset.limit] = tableBytes;
    mem[Cache.rateWord(plan.at("mcache"))] = rate;
  }

  /** Bytes allocated per sample, on average: 0 none is taken, 1 every object is one. */
  get rate(): number {
    return Atomics.load(this.mem, this.rateWord);
  }

  /** Each thread follows from its next window of slots on. */
  setRate(rate: number): void {
    Atomics.store(this.mem, this.rateWord, rate);
  }
}
