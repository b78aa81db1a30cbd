/**
 * Everything that keeps objects alive across turns, or hangs on them, for one thread of a heap; and where a heap wires it in:
 *
 *     the region plan        Roots.tables(maxThreads)
 *     a new heap             Roots.init(mem, state), once, by the thread that makes it
 *     a thread attaches      new Roots(host), roots.attach()
 *     a turn starts          if (roots.due) roots.turnStart()        in the turn, before the program's own work
 *     a cycle's roots        roots.sources, and specials.forEachFinalizer
 *     a thread leaves        roots.leave()
 */
import { SpecialsState, type RootSource } from "@mallocgc/gc";
import type { RecordLayout, TableSpec } from "@mallocgc/sysmem";
import { Callbacks } from "./callbacks.ts";
import { Handles } from "./handles.ts";
import { RootTable } from "./root-table.ts";
import type { RootHost } from "./root-host.ts";
import { ProcessorRoots, RootEntry, RootsState, UniqueEntry } from "./roots-record.ts";
import { Uniques } from "./unique.ts";
import { verifyRoots } from "./verify-roots.ts";
import { Weaks } from "./weak.ts";

const { nonce: NONCE } = RootsState.offset;

/** Every record of this folder that lies in the region. */
export const ROOT_RECORDS: readonly RecordLayout[] = Object.freeze([RootsState, ProcessorRoots, RootEntry, UniqueEntry, SpecialsState]);

/** The roots of one thread. */
export class Roots {
  readonly named: RootTable;
  readonly handles: Handles;
  readonly callbacks: Callbacks;
  readonly weaks: Weaks;
  readonly uniques: Uniques;
  /** What the collector marks from, besides what objects with finalizers reach. */
  readonly sources: readonly RootSource[];
  private readonly host: RootHost;

  constructor(host: RootHost) {
    this.host = host;
    this.named = new RootTable(host);
    this.handles = new Handles(host);
    this.callbacks = new Callbacks(host, this.handles);
    this.weaks = new Weaks(host);
    this.uniques = new Uniques(host, this.handles);
    this.sources = [this.named, this.handles.slots, host.specials.queues];
  }

  /** The tables of roots; `Specials.tables` has those of what hangs on objects. */
  static tables(maxThreads: number): TableSpec[] {
    return [
      { name: "roots", bytes: RootsState.words * 4, align: 64, doc: "named roots, the directory of slots, unique values" },
      { name: "roots.processors", bytes: maxThreads * ProcessorRoots.words * 4, align: 64, doc: "free slots of each P" },
    ];
  }

  /** Fills in the state of a new region, before any `Roots` is made over it. */
  static init(mem: Int32Array, state: number): void {
    mem[state + NONCE] = Math.floor(Math.random() * 0x7fffffff) + 1;
  }

  /** This thread has become a P: what the thread before it has left in the record, because it died, is let go. */
  attach(): void {
    this.handles.slots.freeAll();
    this.callbacks.dropStale();
  }

  /** The broken invariants of roots, in words; specials have their own. While nobody is at work on the heap. */
  verify(maxThreads: number): string[] {
    return verifyRoots(this.host, maxThreads);
  }

  /** Whether `turnStart` has something to do. A few plain reads. */
  get due(): boolean {
    return this.callbacks.due || this.handles.hasDropped || this.weaks.hasDropped || this.uniques.hasDropped;
  }

  /** What is due at a turn's start: roots that were dropped are let go and reported, finalizers and cleanups are called. */
  turnStart(): void {
    this.handles.releaseDropped();
    this.weaks.releaseDropped();
    this.uniques.releaseDropped();
    this.callbacks.runQueued();
  }

  /** The thread leaves the heap: its handles are void, its functions forgotten. What it has moved stays for who adopts it. */
  leave(): void {
    this.host.enterTurn();
    this.callbacks.leave();
    this.weaks.releaseAll();
    this.uniques.releaseAll();
    this.handles.slots.freeAll();
  }
}
