/**
 * How views look in `console.log`, `util.inspect` and `JSON.stringify`.
 *
 * Objects in the heap refer to each other freely, in circles and in long chains. So what is shown ends: `inspect` goes as
 * deep as its `depth` says and names an object that it is already inside of; JSON has every object in full once, and
 * `{ "$ref": address }` wherever it comes again, or deeper than {@link MAX_JSON_DEPTH}.
 */
import { StaleRefError, describeValue } from "../errors.ts";

/** Chains are longer than the stack is deep. */
const MAX_JSON_DEPTH = 100;

/** What these functions have to know of a view. */
export interface Shown {
  readonly typeName: string;
  readonly ref: number;
  /** Part of an object (a struct inside, or an element): shown without an address. */
  readonly part: boolean;
  /** Its properties, or its elements. */
  entries(): Record<string, unknown> | unknown[];
}

/** The method by which a view describes itself to these functions. */
const SHOW = "$show";

/** A value that should have been a view of something else, for a message. */
export function describeView(value: unknown): string {
  if (typeof value !== "object" || value === null || !(SHOW in value)) return describeValue(value);
  const { typeName, part } = (value as { $show(): Shown }).$show();
  return part ? `a part of an object (${typeName})` : `a view of ${typeName}`;
}

type Inspect = (value: unknown, options: object) => string;

/** Objects that an `inspect` is inside of now: it is synchronous, so one list per thread will do. */
const inside: string[] = [];

/** `Node(0x1000) { value: 1, next: Node(0x1020) { ... } }` */
export function inspectView(shown: Shown, depth: number, options: object, inspect: Inspect | undefined): string {
  const title = shown.part ? shown.typeName : `${shown.typeName}(0x${shown.ref.toString(16)})`;
  if (inspect === undefined || depth < 0) return `[${title}]`;
  if (!shown.part && inside.includes(title)) return `[Circular ${title}]`;
  inside.push(title);
  try {
    // The options carry the depth that is left.
    return `${title} ${inspect(shown.entries(), options)}`;
  } catch (error) {
    // To show a value must not throw, least of all where somebody looks for the reason of an error.
    if (error instanceof StaleRefError) return `[${title} of a turn that is over]`;
    throw error;
  } finally {
    inside.pop();
  }
}

/** What a view is in JSON: `known` are the objects that were shown already, `depth` is how far inside this one is. */
export function viewToJson(shown: Shown, known: Set<number> = new Set(), depth = 0): unknown {
  if (!shown.part) {
    if (known.has(shown.ref) || depth >= MAX_JSON_DEPTH) return { $ref: shown.ref };
    known.add(shown.ref);
  }
  const entries = shown.entries();
  if (Array.isArray(entries)) return entries.map((value) => plain(value, known, depth));
  return Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, plain(value, known, depth)]));
}

/** A property's value as JSON has it, all the way down: so that one call sees every object. */
function plain(value: unknown, known: Set<number>, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (SHOW in value) return viewToJson((value as { $show(): Shown }).$show(), known, depth + 1);
  // What is left are bytes, and mutexes, which are nothing to keep.
  return value instanceof Uint8Array ? [...value] : undefined;
}
