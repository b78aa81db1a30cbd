/**
 * The stack of the thread that calls, cheaply: a stack that was seen before is recognised without a name being looked up.
 *
 *     V8          call sites, as `Error.prepareStackTrace` gets them; a stack is known by the files and positions of its call sites
 *     elsewhere   the text of `error.stack`; a stack is known by its text
 *
 * Taking the call sites costs about half a microsecond a frame (docs/decisions/0013); names, lines and columns are asked for when the stack is new. The
 * program's own `Error.prepareStackTrace` and `Error.stackTraceLimit` are put back, and none of its code runs meanwhile.
 *
 * The innermost frames of these packages are left out, as Go leaves out those of its runtime, unless nothing else is there. Lines and columns are those of the code
 * as it runs: source maps are applied when a profile is read.
 */
import type { Frame } from "./frame.ts";
import { isOwnFile } from "./own-files.ts";
import { parseStack } from "./parse-stack.ts";
import { MAX_STACK_DEPTH } from "./profile-record.ts";

const DEPTH = MAX_STACK_DEPTH;
/** Frames of these packages that a stack may begin with, on top of its depth. */
const OWN_DEPTH = 16;
/** Stacks that a thread remembers. Beyond that it forgets them all: they are found again in the region. */
const MAX_KNOWN = 16_384;

type FileName = string | null | undefined;

/** What is used of V8's call sites. */
interface CallSite {
  getPosition(): number;
  getScriptNameOrSourceURL(): FileName;
  getFunctionName(): string | null;
  getTypeName(): string | null;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
  isConstructor(): boolean;
  isToplevel(): boolean;
}

/** What V8's `Error` has and others' need not have. */
interface TracingError {
  captureStackTrace?(into: object): void;
  prepareStackTrace?: unknown;
  stackTraceLimit?: number;
}

const tracing = Error as unknown as TracingError;
const asIs = (_error: unknown, sites: readonly CallSite[]): readonly CallSite[] => sites;

/** A stack that this thread has seen, with what was noted for it. */
export class KnownStack<T> {
  /** Innermost first. */
  readonly frames: readonly Frame[];
  /** By object size. */
  readonly notes: Map<number, T> = new Map();

  constructor(frames: readonly Frame[]) {
    this.frames = frames;
  }
}

/** A stack that is known by its call sites: those of the program, innermost first. */
class KnownSites<T> {
  readonly stack: KnownStack<T>;
  private readonly positions: readonly number[];
  private readonly files: readonly FileName[];

  constructor(sites: readonly CallSite[], positions: readonly number[], files: readonly FileName[]) {
    this.positions = positions;
    this.files = files;
    this.stack = new KnownStack(sites.map(frameOf));
  }

  equals(positions: readonly number[], files: readonly FileName[], n: number): boolean {
    if (this.positions.length !== n) return false;
    for (let i = 0; i < n; i++) if (positions[i] !== this.positions[i] || files[i] !== this.files[i]) return false;
    return true;
  }
}

/** The stacks of one thread. */
export class JsStacks<T> {
  private readonly bySites = new Map<number, KnownSites<T>[]>();
  private readonly byText = new Map<string, KnownStack<T>>();
  /** Whether a file is one of these packages. */
  private readonly own = new Map<FileName, boolean>();
  /** Of the stack at hand, so that one that is known makes no garbage. */
  private readonly positions: number[] = [];
  private readonly files: FileName[] = [];
  private known = 0;

  /** The stack of the caller's thread. */
  current(): KnownStack<T> {
    const limit = tracing.stackTraceLimit;
    const prepare = tracing.prepareStackTrace;
    let trace: unknown;
    try {
      tracing.stackTraceLimit = DEPTH + OWN_DEPTH;
      tracing.prepareStackTrace = asIs;
      trace = new Error().stack;
    } finally {
      tracing.prepareStackTrace = prepare;
      tracing.stackTraceLimit = limit!;
    }
    return Array.isArray(trace) ? this.ofSites(trace as readonly CallSite[]) : this.ofText(String(trace));
  }

  private ofSites(sites: readonly CallSite[]): KnownStack<T> {
    const { positions, files } = this;
    let first = 0;
    // The name of a file is cheaper to be had than a position.
    while (first < sites.length && this.isOwn(sites[first]!.getScriptNameOrSourceURL())) first++;
    if (first === sites.length) first = 0;
    const end = Math.min(first + DEPTH, sites.length);
    let hash = 0;
    for (let i = first; i < end; i++) {
      const position = sites[i]!.getPosition();
      positions[i - first] = position;
      files[i - first] = sites[i]!.getScriptNameOrSourceURL();
      hash = (Math.imul(hash, 31) + position) | 0;
    }
    const same = this.bySites.get(hash);
    if (same !== undefined) for (let i = 0; i < same.length; i++) if (same[i]!.equals(positions, files, end - first)) return same[i]!.stack;
    this.makeRoom();
    const known = new KnownSites<T>(sites.slice(first, end), positions.slice(0, end - first), files.slice(0, end - first));
    this.bySites.set(hash, [...(this.bySites.get(hash) ?? []), known]);
    return known.stack;
  }

  private isOwn(file: FileName): boolean {
    let own = this.own.get(file);
    if (own === undefined) {
      own = isOwnFile(file ?? "");
      this.own.set(file, own);
    }
    return own;
  }

  private ofText(text: string): KnownStack<T> {
    let known = this.byText.get(text);
    if (known === undefined) {
      this.makeRoom();
      known = new KnownStack(withoutOwn(parseStack(text)));
      this.byText.set(text, known);
    }
    return known;
  }

  private makeRoom(): void {
    if (this.known === MAX_KNOWN) {
      this.bySites.clear();
      this.byText.clear();
      this.known = 0;
    }
    this.known++;
  }
}

function frameOf(site: CallSite): Frame {
  return {
    functionName: nameOf(site),
    fileName: site.getScriptNameOrSourceURL() ?? "",
    line: site.getLineNumber() ?? 0,
    column: site.getColumnNumber() ?? 0,
  };
}

/** The function's name as V8 prints it: with the class of a method, and `new` before a constructor. */
function nameOf(site: CallSite): string {
  const name = site.getFunctionName();
  if (name === null || name === "") return "";
  if (site.isConstructor()) return `new ${name}`;
  if (site.isToplevel() || name.includes(".")) return name;
  const type = site.getTypeName();
  return type === null || type === "Object" ? name : `${type}.${name}`;
}

function withoutOwn(frames: readonly Frame[]): readonly Frame[] {
  const first = frames.findIndex((frame) => !isOwnFile(frame.fileName));
  return frames.slice(Math.max(first, 0), Math.max(first, 0) + DEPTH);
}
