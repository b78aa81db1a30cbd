/**
 * One run's heap, index and workers, from `start` to `tearDown`: what is done, and measured, without a word printed.
 */
import { resolve } from "node:path";
import { createHeap, type Heap } from "@mallocgc/runtime";
import { InvertedIndex } from "./index/inverted-index.ts";
import { type ProgressOutput, showProgress } from "./report/progress.ts";
import { type FreeReport, type IndexReport, type QueryLine, type SizeClassLine, percentLost } from "./report/report.ts";
import { type SizeCount, addSizes } from "./report/request-sizes.ts";
import { Crew } from "./worker/crew.ts";

/** How many files an answer names. */
export const TOP_FILES = 5;

/** A heap with an index in it, and the workers that share it. */
export class Session {
  private readonly rssBefore: number;
  private rssPeak: number;
  /** What the verifier found so far. */
  readonly verifyFindings: string[] = [];
  private readonly maxBytes: number;
  private readonly heap: Heap;
  private readonly index: InvertedIndex;
  private readonly crew: Crew;
  private nextToAnswer = 0;

  private constructor(maxBytes: number, heap: Heap, index: InvertedIndex, crew: Crew) {
    this.maxBytes = maxBytes;
    this.heap = heap;
    this.index = index;
    this.crew = crew;
    this.rssBefore = process.memoryUsage.rss();
    this.rssPeak = this.rssBefore;
  }

  /**
   * Makes the heap, puts an empty index over `files` (names relative to `base`) into it, and starts the workers.
   *
   * @throws HeapExhaustedError when the heap has no room for these.
   */
  static async start(maxBytes: number, files: readonly string[], base: string, workers: number): Promise<Session> {
    const heap = createHeap({ maxBytes, shared: true, maxThreads: workers + 1 });
    const index = InvertedIndex.create(heap, files);
    const crew = await Crew.start(workers, { handle: heap.handle, root: index.root, base: resolve(base) });
    return new Session(maxBytes, heap, index, crew);
  }

  /** Has all workers index until no file is left, or the heap is full. */
  async indexAll(progress: ProgressOutput): Promise<IndexReport> {
    const began = performance.now();
    const sampleRss = (): void => {
      this.sampleRss();
    };
    const endProgress = showProgress(progress, () => this.index.progress(), sampleRss);
    const done = await this.crew.askAll("index", {}).finally(endProgress);
    const seconds = (performance.now() - began) / 1000;

    const ledgers = await this.crew.askAll("ledger", {});
    const own = this.index.blocks;
    const stats = this.heap.readMemStats();
    const askedBytes = own.bytesLive + sum(ledgers, (ledger) => ledger.bytesLive);
    const bytesRead = sum(done, (d) => d.bytesRead);
    return {
      files: sum(done, (d) => d.files),
      skippedFiles: sum(done, (d) => d.skipped.length),
      ...this.index.totals(),
      workers: this.crew.size,
      maxBytes: this.maxBytes,
      bytesRead,
      bytesInUse: stats.HeapInuse,
      bytesAllocated: stats.HeapAlloc,
      objects: stats.HeapObjects,
      mallocs: own.mallocs + sum(ledgers, (ledger) => ledger.mallocs),
      frees: own.frees + sum(ledgers, (ledger) => ledger.frees),
      seconds,
      mbPerSecPerWorker: bytesRead / 1e6 / seconds / this.crew.size,
      perWorker: done.map((d, n) => ({
        worker: n + 1,
        files: d.files,
        bytesRead: d.bytesRead,
        seconds: d.seconds,
        mbPerSec: d.bytesRead / 1e6 / d.seconds,
        mallocs: ledgers[n]!.mallocs,
        frees: ledgers[n]!.frees,
      })),
      sizeClasses: this.sizeClasses(),
      fragmentation: {
        askedBytes,
        slotBytes: stats.HeapAlloc,
        spanBytes: stats.HeapInuse,
        internalPercent: percentLost(askedBytes, stats.HeapAlloc),
        externalPercent: percentLost(stats.HeapAlloc, stats.HeapInuse),
      },
      rssBefore: this.rssBefore,
      rssIndexed: process.memoryUsage.rss(),
      exhausted: done.find((d) => d.exhausted !== undefined)?.exhausted ?? null,
    };
  }

  /** Asks the index for a term and the `top` files that hold it most often; the workers answer in turns. */
  async ask(term: Uint8Array, top: number = TOP_FILES): Promise<QueryLine> {
    const n = this.nextToAnswer;
    this.nextToAnswer = (n + 1) % this.crew.size;
    const { answer, micros } = await this.crew.ask(n, "query", { term, top });
    return { term: Buffer.from(term).toString(), ...answer, micros, worker: n + 1, correct: null };
  }

  /** Runs the verifier over the whole heap and keeps what it finds. No worker may be at work. */
  verify(when: string): void {
    for (const { invariant, where, expected, got } of this.heap.verify().broken) {
      this.verifyFindings.push(`${when}: ${invariant}: ${where}: expected ${expected}, got ${got}`);
    }
  }

  /** The sizes that all threads asked of the heap so far. */
  async requestedSizes(): Promise<SizeCount[]> {
    const ledgers = await this.crew.askAll("ledger", {});
    return addSizes([this.index.blocks.sizes(), ...ledgers.map((ledger) => ledger.sizes)]);
  }

  /**
   * Frees the index block by block, all workers at once, verifies, and gives pages back to the operating system. Workers
   * let go of the heap but live on until the memory is measured.
   */
  async tearDown(): Promise<FreeReport> {
    this.sampleRss();
    const own = this.index.blocks;
    const freesBefore = own.frees + sum(await this.crew.askAll("ledger", {}), (ledger) => ledger.frees);
    const began = performance.now();
    const ledgers = await this.crew.askAll("free", {});
    this.index.freeRoot();
    const freeSeconds = (performance.now() - began) / 1000;
    await this.crew.askAll("detach", {});
    this.verify("index freed");
    const { osBackend } = this.heap;
    const bytesReturned = this.heap.freeOSMemory();
    const stats = this.heap.readMemStats();
    const rssAfter = process.memoryUsage.rss();
    await this.crew.end();
    this.heap.close();
    return {
      blocksFreed: own.frees + sum(ledgers, (ledger) => ledger.frees) - freesBefore,
      freeSeconds,
      leakedBytes: own.bytesLive + sum(ledgers, (ledger) => ledger.bytesLive),
      objectsAfter: stats.HeapObjects,
      bytesInUseAfter: stats.HeapInuse,
      bytesReleasedAfter: stats.HeapReleased,
      osBackend,
      bytesReturned,
      rssPeak: this.rssPeak,
      rssAfter,
      verifyErrors: this.verifyFindings.length,
      verifyFindings: this.verifyFindings,
    };
  }

  private sampleRss(): void {
    this.rssPeak = Math.max(this.rssPeak, process.memoryUsage.rss());
  }

  private sizeClasses(): SizeClassLine[] {
    return this.heap
      .sizeClassStats()
      .filter((c) => c.spans > 0)
      .map((c) => ({
        sizeClass: c.sizeClass,
        size: c.size,
        objects: c.objects,
        spans: c.spans,
        bytes: c.spanBytes,
        wastePercent: percentLost(c.objectBytes, c.spanBytes),
      }));
  }
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
