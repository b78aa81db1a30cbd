/**
 * How views look in `console.log`, `util.inspect` and `JSON.stringify`.
 *
 * Objects in the heap refer to each other freely, in circles and in long chains. So what is shown ends: `inspect` goes as
 * deep as its `depth` says and names an object that it is already inside of; JSON has every object in full once, and
 * `{ "$ref": address }` wherever it comes again, or deeper than {@link MAX_JSON_DEPTH}.
 */

/** Chains are longer than the stack is deep. */
export const MAX_JSON_DEPTH = 100;

/** What these functions have to know of a view. */
export interface Shown {
  readonly typeName: string;
  readonly ref: number;
  /** Part of an object (a struct inside, or an element): shown without an address. */
  readonly part: boolean;
  /** Its properties, or its elements. */
  entries(): Record<string, unknown> | unknown[];
}

/** The symbol under which a view describes itself to these functions. */
export const SHOW: unique symbol = Symbol("mallocgc.show");

type Inspect = (value: unknown, options: object) => string;
interface InspectOptions {
  readonly depth?: number | null;
}

/** Objects that an `inspect` is inside of now: it is synchronous, so one list per thread will do. */
const inside: string[] = [];

/** `Node(0x1000) { value: 1, next: Node(0x1020) { ... } }` */
export function inspectView(shown: Shown, depth: number, options: InspectOptions, inspect: Inspect | undefined): string {
  const title = shown.part ? shown.typeName : `${shown.typeName}(0x${shown.ref.toString(16)})`;
  if (inspect === undefined || depth < 0) return `[${title}]`;
  if (!shown.part && inside.includes(title)) return `[Circular ${title}]`;
  inside.push(title);
  try {
    const text = inspect(shown.entries(), { ...options, depth: options.depth === null || options.depth === undefined ? null : options.depth });
    return `${title} ${text}`;
  } finally {
    inside.pop();
  }
}

/** Objects that the present `toJSON` has shown, and how deep it is. Undefined between calls: `toJSON` is synchronous. */
let seen: Set<number> | undefined;
let depthNow = 0;

export function viewToJson(shown: Shown): unknown {
  const outermost = seen === undefined;
  const known = (seen ??= new Set());
  try {
    if (!shown.part && (known.has(shown.ref) || depthNow >= MAX_JSON_DEPTH)) return { $ref: shown.ref };
    if (!shown.part) known.add(shown.ref);
    depthNow++;
    const entries = shown.entries();
    if (Array.isArray(entries)) return entries.map(plain);
    return Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, plain(value)]));
  } finally {
    if (seen === known && !outermost) depthNow--;
    if (outermost) {
      seen = undefined;
      depthNow = 0;
    }
  }
}

/** A property's value as JSON has it, all the way down: so that one call sees every object. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (SHOW in value) return viewToJson((value as { [SHOW](): Shown })[SHOW]());
  if (value instanceof Uint8Array) return [...value];
  return (value as { toJSON?: () => unknown }).toJSON?.();
}
