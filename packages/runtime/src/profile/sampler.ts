/**
 * Takes the samples of one thread: its stack is looked at, and the object counted in the bucket of stack, size and thread, until it dies.
 *
 * `sample` is called in the slow path of an allocation, when the object's slot is taken and nobody else knows it; no lock is held that comes after `specials`. It runs
 * none of the program's code.
 */
import type { Specials } from "@mallocgc/gc";
import type { SampleSink } from "@mallocgc/mcache";
import type { SpanPtr } from "@mallocgc/mspan";
import type { Addr } from "@mallocgc/sysmem";
import { JsStacks } from "./js-stack.ts";
import type { HeapProfiler } from "./heap-profiler.ts";
import type { BucketPtr } from "./profile-record.ts";
import { threadName } from "./thread-name.ts";

/** The sampler of one thread. */
export class Sampler implements SampleSink {
  private readonly profiler: HeapProfiler;
  private readonly specials: Specials;
  private readonly stacks = new JsStacks<BucketPtr>();
  private readonly thread: string = threadName();

  constructor(profiler: HeapProfiler, specials: Specials) {
    this.profiler = profiler;
    this.specials = specials;
  }

  sample(s: SpanPtr, addr: Addr, bytes: number): void {
    const { frames, notes } = this.stacks.current();
    let bucket = notes.get(bytes);
    if (bucket === undefined) {
      bucket = this.profiler.stacks.bucketOf(frames, bytes, this.thread);
      notes.set(bytes, bucket);
    }
    if (!this.specials.addProfile(s, addr, bucket)) this.profiler.counts.countLost();
  }
}
