/**
 * Frames, each kept once: functions by file and name, locations by function, line and column.
 *
 * Ids begin with 1, as profile.proto wants them, and follow the order in which frames are first met. Two stacks are equal when their ids are.
 */
import type { Frame } from "./records.ts";

export interface FunctionEntry {
  readonly id: number;
  readonly name: string;
  readonly fileName: string;
}

export interface LocationEntry {
  readonly id: number;
  readonly function: FunctionEntry;
  readonly line: number;
  readonly column: number;
}

/** A `file:` URL as the path that it names, so that tools find the source; everything else as it is. */
function sourceName(fileName: string): string {
  if (!fileName.startsWith("file://") || !URL.canParse(fileName)) return fileName;
  try {
    // In a URL, a Windows path has a slash before its drive.
    return decodeURIComponent(new URL(fileName).pathname).replace(/^\/(?=[A-Za-z]:\/)/, "");
  } catch {
    return fileName;
  }
}

interface Known {
  readonly entry: FunctionEntry;
  readonly places: Map<number, number>;
}

/** What a function without a name is called; viewers of profiles know the word from V8. */
const ANONYMOUS = "(anonymous)";

/** A key for line and column. V8 finds small integers faster, and most places are one; a bundle's long lines get the others, below 0. */
function placeKey(line: number, column: number): number {
  return line < 2 ** 18 && column < 2 ** 12 ? (line << 12) | column : -(line * 2 ** 26 + column);
}

export class LocationTable {
  /** Index = id - 1. */
  readonly functions: FunctionEntry[] = [];
  /** Index = id - 1. */
  readonly locations: LocationEntry[] = [];
  // file name -> function name -> line and column -> id: three lookups of strings that exist, none that is put together for it.
  readonly #files = new Map<string, Map<string, Known>>();

  /** Location ids of a stack, in its order. */
  idsOf(stack: readonly Frame[]): number[] {
    const ids = new Array<number>(stack.length);
    for (let i = 0; i < stack.length; i++) ids[i] = this.#idOf(stack[i]!);
    return ids;
  }

  #idOf({ fileName, functionName, line, column }: Frame): number {
    let file = this.#files.get(fileName);
    if (file === undefined) this.#files.set(fileName, (file = new Map<string, Known>()));
    let known = file.get(functionName);
    if (known === undefined) {
      const entry = { id: this.functions.length + 1, name: functionName === "" ? ANONYMOUS : functionName, fileName: sourceName(fileName) };
      this.functions.push(entry);
      file.set(functionName, (known = { entry, places: new Map() }));
    }
    const place = placeKey(line, column);
    let id = known.places.get(place);
    if (id === undefined) {
      id = this.locations.length + 1;
      this.locations.push({ id, function: known.entry, line, column });
      known.places.set(place, id);
    }
    return id;
  }
}
