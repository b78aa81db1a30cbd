/**
 * One run's heap, index and workers, from `start` by way of `drop` and `giveBack` to `end`: what is done, and measured, without a word printed.
 */
import { resolve } from "node:path";
import { createHeap, type CycleReport, type Heap } from "@mallocgc/runtime";
import { watchGiveBack } from "./give-back.ts";
import { InvertedIndex } from "./index/inverted-index.ts";
import { type MemorySample, MemorySeries } from "./report/memory-series.ts";
import { MemoryWatch } from "./report/memory-watch.ts";
import { type ProgressOutput, showProgress } from "./report/progress.ts";
import { type CycleLine, type DropReport, type GiveBackReport, type IndexReport, type QueryLine, type RoundLine, type SizeClassLine, percentLost } from "./report/report.ts";
import { type SizeCount, addSizes } from "./report/request-sizes.ts";
import { Crew } from "./worker/crew.ts";
import { isHeapExhausted } from "./worker/indexer.ts";
import type { IndexingDone } from "./worker/protocol.ts";
import type { Question } from "./worker/questions.ts";

/** How many files an answer names. */
export const TOP_FILES = 5;
/**
 * Growth that begins a cycle, in per cent. All memory is to stay below 2.2 times the live index: once the index, 0.4 times for garbage, and the rest for
 * tables, for slots that are free in spans in use, and for what threads allocate while a cycle marks, which is most where they are more than the cores.
 */
const GC_PERCENT = 40;
/** Bytes allocated per sample of the heap profile. The index is small, so more often than Go: some 500 samples a round, 40 us each, are half a per cent of its time. */
const MEM_PROFILE_RATE = 32 << 10;

/** What a session is made for. */
export interface SessionOptions {
  readonly maxBytes: number;
  /** Names relative to `base`. */
  readonly files: readonly string[];
  readonly base: string;
  readonly workers: number;
  /** How often everything is indexed. Default 1. */
  readonly rounds?: number;
  /** What the workers ask between files. Default nothing. */
  readonly questions?: readonly Question[];
  /** Mark everything a second time in each cycle. Default false. */
  readonly checkMark?: boolean;
}

/** A heap with an index in it, and the workers that share it. */
export class Session {
  /** Memory from the start on. */
  readonly memory: MemorySeries;
  private readonly rssBefore: number;
  /** What the verifier found so far. */
  readonly verifyFindings: string[] = [];
  private readonly options: SessionOptions;
  private readonly rounds: number;
  readonly heap: Heap;
  private readonly index: InvertedIndex;
  private readonly crew: Crew;
  /** Bytes that the file names asked for. */
  private readonly nameBytes: number;
  private nextToAnswer = 0;

  private constructor(options: SessionOptions, heap: Heap, index: InvertedIndex, crew: Crew, nameBytes: number) {
    this.options = options;
    this.rounds = options.rounds ?? 1;
    this.heap = heap;
    this.index = index;
    this.crew = crew;
    this.nameBytes = nameBytes;
    this.memory = new MemorySeries(heap);
    this.rssBefore = this.memory.look().rss;
  }

  /**
   * Makes the heap, puts an empty index over the files into it, and starts the workers.
   *
   * @throws HeapExhaustedError when the heap has no room for these.
   */
  static async start(options: SessionOptions): Promise<Session> {
    const { maxBytes, files, base, workers, questions = [], checkMark = false } = options;
    const heap = createHeap({ maxBytes, maxThreads: workers + 1, gcPercent: GC_PERCENT, gcCheckMark: checkMark, memProfileRate: MEM_PROFILE_RATE });
    try {
      const index = new InvertedIndex(heap);
      const nameBytes = index.setFiles(files);
      index.begin(1);
      const crew = await Crew.start(workers, { handle: heap.handle, base: resolve(base), questions });
      return new Session(options, heap, index, crew, nameBytes);
    } catch (error) {
      heap.close();
      throw error;
    }
  }

  /** Has all workers index until no file is left, as often as there are rounds, or until the heap is full. */
  async indexAll(progress: ProgressOutput): Promise<IndexReport> {
    const rounds: RoundLine[] = [];
    const cycles: CycleLine[] = [];
    // Of the index that is there, and of the last round: that may have found no room to begin.
    let built: readonly IndexingDone[] = [];
    let done: readonly IndexingDone[] = [];
    let exhausted: string | undefined;
    for (let round = 1; round <= this.rounds && exhausted === undefined; round++) {
      const memory = new MemoryWatch(this.heap);
      const endProgress = showProgress(progress, () => this.index.progress());
      const after = this.lastCycle();
      const began = performance.now();
      try {
        ({ done, exhausted } = await this.indexOnce(round));
      } finally {
        endProgress();
        memory.end();
      }
      const seconds = (performance.now() - began) / 1000;
      if (this.heap.turn(() => this.index.round(this.index.current())) === round) built = done;
      await this.heap.gc();
      this.verify(`round ${round}`);
      const liveBytes = this.heap.readMemStats().HeapAlloc;
      const reports = this.heap.gcCycles(after);
      cycles.push(...this.cycleLines(round, reports));
      rounds.push({
        round,
        seconds,
        mbPerSec: sum(done, (d) => d.bytesRead) / 1e6 / seconds,
        cycles: reports.length,
        answers: sum(done, (d) => d.answers),
        wrongAnswers: sum(done, (d) => d.wrong),
        liveBytes,
        peakBytesInUse: memory.peakBytesInUse,
        peakMemoryBytes: memory.peakMemoryBytes,
        peakRatio: memory.peakMemoryBytes / liveBytes,
      });
    }
    return { ...(await this.report(rounds, cycles, built, exhausted ?? null)), wrongFindings: done.flatMap((d) => d.findings) };
  }

  /** One round: a new index in the place of the old one, while all workers ask, and all files into it. */
  private async indexOnce(round: number): Promise<{ done: readonly IndexingDone[]; exhausted: string | undefined }> {
    const indexing = this.crew.askAll("index", { round });
    let exhausted: string | undefined;
    if (round > 1) {
      await Promise.race([this.untilAllServe(), indexing]);
      try {
        await this.replaceIndex(round);
      } catch (error) {
        this.heap.turn(() => { this.index.stop(this.index.current()); });
        if (!isHeapExhausted(error)) throw error;
        exhausted = error.message;
      }
    }
    const done = await indexing;
    return { done, exhausted: done.find((d) => d.exhausted !== undefined)?.exhausted ?? exhausted };
  }

  /** Resolves when every worker has answered from the index that is to be replaced. */
  private async untilAllServe(): Promise<void> {
    while (this.heap.turn(() => this.index.serving(this.index.current())) < this.crew.size) {
      await new Promise<void>((done) => setTimeout(done, 1));
    }
  }

  private async replaceIndex(round: number): Promise<void> {
    try {
      this.index.begin(round);
    } catch (error) {
      if (!isHeapExhausted(error)) throw error;
      await this.heap.gc();
      this.index.begin(round);
    }
  }

  private async report(rounds: readonly RoundLine[], cycles: readonly CycleLine[], done: readonly IndexingDone[], exhausted: string | null): Promise<Omit<IndexReport, "wrongFindings">> {
    const { askedBytes, ...totals } = this.index.totals();
    // What is asked for so far is this thread's and the workers'; the sums are those of the heap.
    const requests = await this.requestedSizes();
    const stats = this.heap.readMemStats();
    const last = rounds.at(-1)!;
    const bytesRead = sum(done, (d) => d.bytesRead);
    const wanted = askedBytes + this.nameBytes;
    return {
      files: sum(done, (d) => d.files),
      skippedFiles: sum(done, (d) => d.skipped.length),
      ...totals,
      workers: this.crew.size,
      maxBytes: this.options.maxBytes,
      bytesRead,
      bytesInUse: stats.HeapInuse,
      bytesAllocated: stats.HeapAlloc,
      objects: stats.HeapObjects,
      mallocs: sum(requests, ([, count]) => count),
      frees: stats.Frees,
      seconds: last.seconds,
      mbPerSecPerWorker: bytesRead / 1e6 / last.seconds / this.crew.size,
      perWorker: done.map((d, n) => ({
        worker: n + 1,
        files: d.files,
        bytesRead: d.bytesRead,
        seconds: d.seconds,
        mbPerSec: d.seconds === 0 ? 0 : d.bytesRead / 1e6 / d.seconds,
        mallocs: d.requests,
        answers: d.answers,
        maxStallUs: d.maxStallUs,
      })),
      sizeClasses: this.sizeClasses(),
      fragmentation: {
        askedBytes: wanted,
        slotBytes: stats.HeapAlloc,
        spanBytes: stats.HeapInuse,
        internalPercent: percentLost(wanted, stats.HeapAlloc),
        externalPercent: percentLost(stats.HeapAlloc, stats.HeapInuse),
      },
      rounds: rounds.length,
      perRound: rounds,
      gcPercent: GC_PERCENT,
      gcCheckMark: this.options.checkMark ?? false,
      cycles: cycles.length,
      perCycle: cycles,
      answers: sum(rounds, (r) => r.answers),
      wrongAnswers: sum(rounds, (r) => r.wrongAnswers),
      maxStallUs: Math.max(...done.map((d) => d.maxStallUs), ...cycles.map((c) => c.maxStallUs), this.heap.gcStats().maxStallMs * 1000),
      memory: {
        liveBytes: last.liveBytes,
        peakBytesInUse: Math.max(...rounds.map((r) => r.peakBytesInUse)),
        peakMemoryBytes: Math.max(...rounds.map((r) => r.peakMemoryBytes)),
        peakRatio: Math.max(...rounds.map((r) => r.peakMemoryBytes)) / last.liveBytes,
      },
      rssBefore: this.rssBefore,
      rssIndexed: this.memory.look().rss,
      exhausted,
    };
  }

  /** Asks the index for a term and the `top` files that hold it most often; the workers answer in turns. */
  async ask(term: Uint8Array, top: number = TOP_FILES): Promise<QueryLine> {
    const n = this.nextToAnswer;
    this.nextToAnswer = (n + 1) % this.crew.size;
    const { answer, micros } = await this.crew.ask(n, "query", { term, top });
    return { term: Buffer.from(term).toString(), ...answer, micros, worker: n + 1, correct: null };
  }

  /** The sizes that all threads asked of the heap so far. */
  async requestedSizes(): Promise<SizeCount[]> {
    return addSizes([this.index.requests.sizes(), ...(await this.crew.askAll("sizes", {}))]);
  }

  /** Lets the index go, collects, and verifies. Workers let go of the heap but live on until the memory is measured. */
  async drop(): Promise<DropReport> {
    const { heap } = this;
    const { HeapObjects } = heap.readMemStats();
    const rssPeak = Math.max(this.memory.look().rss, this.memory.peakRss);
    const began = performance.now();
    this.index.drop();
    await heap.gc();
    const dropSeconds = (performance.now() - began) / 1000;
    await this.crew.askAll("detach", {});
    this.verify("index dropped");
    const objectsAfter = heap.readMemStats().HeapObjects;
    return { objectsCollected: HeapObjects - objectsAfter, objectsAfter, dropSeconds, rssPeak };
  }

  /**
   * Watches the background give pages back to the operating system, for that many seconds at most, and has the rest given back at once.
   * `onSecond` gets the memory at the beginning and once a second.
   */
  async giveBack(seconds: number, onSecond: (sample: MemorySample) => void): Promise<GiveBackReport> {
    const { heap, memory } = this;
    const { osBackend } = heap;
    const before = memory.look();
    if (osBackend !== "none" && seconds > 0) await watchGiveBack(heap, memory, seconds, onSecond);
    const watched = memory.look();
    const bytesReturned = heap.freeOSMemory();
    memory.end();
    this.verify("memory given back");
    const after = memory.samples.at(-1)!;
    return {
      osBackend,
      background: {
        seconds: watched.seconds - before.seconds,
        bytesReturned: watched.heapReleased - before.heapReleased,
        rssBefore: before.rss,
        rssAfter: watched.rss,
      },
      bytesReturned,
      bytesInUseAfter: after.heapInuse,
      heapReleased: after.heapReleased,
      rssAfter: after.rss,
      memorySeries: memory.samples,
      verifyErrors: this.verifyFindings.length,
      verifyFindings: this.verifyFindings,
    };
  }

  /** Ends the workers and the heap. */
  async end(): Promise<void> {
    await this.crew.end();
    this.heap.close();
  }

  /** Runs the verifier over the whole heap and keeps what it finds. No worker is at work. */
  private verify(when: string): void {
    for (const { invariant, where, expected, got } of this.heap.verify().broken) {
      this.verifyFindings.push(`${when}: ${invariant}: ${where}: expected ${expected}, got ${got}`);
    }
  }

  private lastCycle(): number {
    return this.heap.gcStats().cyclesMarked;
  }

  private cycleLines(round: number, reports: readonly CycleReport[]): CycleLine[] {
    const traces = this.heap.gcTrace(reports[0] === undefined ? 0 : reports[0].cycle - 1);
    return reports.map((r, i) => ({
      round,
      cycle: r.cycle,
      trace: traces[i]!,
      liveBytes: r.heapMarked,
      goalBytes: r.goal,
      maxStallUs: r.maxStallNs / 1000,
    }));
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
