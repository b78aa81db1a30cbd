/**
 * The objects of the collected soak (identity.ts says of which kinds) as one thread makes, checks and links them.
 *
 * Whatever its kind, an object has a number of slots, each a ref to any other object. How a slot is reached differs: a field, an element of an
 * array inside, an element of an array that the object leads to. Refs are declared as refs to the two words that all have in common.
 */
import { array, bytes, f64, fixed, mutex, ref, str, struct, u32, u8, type Heap, type Ref } from "@mallocgc/runtime";
import { SoakFailure } from "../failure.ts";
import { firstDamage, stamp } from "../stamp.ts";
import { BLOCK, CELL, FAT, LEAF, LIST, PAIR, RICH, ROWS, blockSize, bytesLength, checkOf, drawn, kindOf, listLength, rowsLength, textOf } from "./identity.ts";

type CellRef = Ref<"soak.Cell">;

const CellType = struct("soak.Cell", { id: u32, check: u32 });
const Any = ref(CellType);
const LeafType = struct("soak.Leaf", { id: u32, check: u32, words: fixed(f64, 8) });
const PairType = struct("soak.Pair", { id: u32, check: u32, x: Any, y: Any });
const RichType = struct("soak.Rich", {
  id: u32, check: u32, lock: mutex, version: u32, name: str, tag: u8, slots: fixed(Any, 5), data: bytes, ratio: f64, count: u32, complement: u32,
});
const FatType = struct("soak.Fat", { id: u32, check: u32, gap: fixed(f64, 3), name: str, version: u32, slots: fixed(Any, 30), tail: fixed(u32, 7) });
const RefsType = array(Any);
const ListType = struct("soak.List", { id: u32, check: u32, items: ref(RefsType) });
const RowsType = array(struct("soak.Row", { id: u32, to: Any, weight: f64 }));
const TableType = struct("soak.Table", { id: u32, check: u32, rows: ref(RowsType) });

/** Slots of a list and of rows: spread over the array. */
const LIST_SLOTS = 10;
const ROWS_SLOTS = 6;
const TINY_SIZE = 16;

/** How the slots of one kind are reached. */
interface Slots {
  get(ref: number, i: number): number;
  set(ref: number, i: number, value: CellRef): void;
  load(ref: number, i: number): number;
  compareExchange(ref: number, i: number, expected: CellRef, value: CellRef): number;
}

/** An object's text and bytes may be given anew. */
interface Content {
  readonly name: { get(ref: number): string; set(ref: number, text: string): void; getRef(ref: number): number; equals(ref: number, text: string): boolean };
  readonly version: { get(ref: number): number; set(ref: number, version: number): void };
}

/** One thread's way to the objects of a heap. */
export class Shapes {
  readonly heap: Heap;
  private readonly types;
  private readonly slots: Readonly<Record<number, Slots>>;
  private readonly contents: Readonly<Record<number, Content>>;

  constructor(heap: Heap) {
    this.heap = heap;
    const types = {
      cell: heap.type(CellType), leaf: heap.type(LeafType), pair: heap.type(PairType), rich: heap.type(RichType), fat: heap.type(FatType),
      refs: heap.type(RefsType), list: heap.type(ListType), rows: heap.type(RowsType), table: heap.type(TableType),
    };
    this.types = types;
    this.slots = { [PAIR]: pairSlots(types.pair), [RICH]: types.rich.slots.at, [FAT]: types.fat.slots.at, [LIST]: listSlots(types), [ROWS]: rowsSlots(types) };
    this.contents = { [RICH]: types.rich, [FAT]: types.fat };
  }

  /** A new object: zeroed as it comes, then with its id; its slots are nil. @throws HeapExhaustedError; SoakFailure. */
  make(id: number): number {
    const { heap, types } = this;
    const at = this.allocate(id);
    heap.i32[at >>> 2] = id;
    heap.i32[(at >>> 2) + 1] = checkOf(id);
    switch (kindOf(id)) {
      case BLOCK:
        stamp(heap, at + 8, blockSize(id) - 8, id);
        break;
      case LEAF:
        for (let i = 0; i < 8; i++) types.leaf.words.at.set(at, i, id + i);
        break;
      case RICH:
        types.rich.complement.set(at, 0xffffffff);
        break;
      case LIST: {
        const length = listLength(id);
        types.list.items.set(at, this.zeroed(heap.alloc(types.refs, length), 8 + 4 * length, id, length));
        types.refs.at.set(types.list.items.get(at), length - 1, at);
        break;
      }
      case ROWS: {
        const length = rowsLength(id);
        const rows = this.zeroed(heap.alloc(types.rows, length), 8 + 16 * length, id, length);
        types.table.rows.set(at, rows);
        for (let i = 0; i < length; i++) types.rows.at.id.set(rows, i, (id + i) >>> 0);
        break;
      }
    }
    return at;
  }

  /** Whether the object at `at` is whole; its id. `where` says how it was come by. @throws SoakFailure. */
  check(at: number, where: string): number {
    const { heap, types } = this;
    const id = heap.i32[at >>> 2]! >>> 0;
    const word = heap.i32[(at >>> 2) + 1]! >>> 0;
    if (word !== checkOf(id)) throw new SoakFailure(`${where} leads to ${at}, where no object is: ${hex(id)} ${hex(word)}`);
    switch (kindOf(id)) {
      case BLOCK: {
        const damage = firstDamage(heap, at + 8, blockSize(id) - 8, id);
        if (damage >= 0) throw broken(at, id, where, `byte ${damage + 8} of its ${blockSize(id)}`);
        break;
      }
      case LEAF:
        if (types.leaf.words.at.get(at, 7) !== id + 7) throw broken(at, id, where, "its last word");
        break;
      case LIST: {
        const items = types.list.items.get(at);
        const length = listLength(id);
        if (types.refs.length(items) !== length) throw broken(at, id, where, `its array's length ${types.refs.length(items)}, which was ${length},`);
        if (types.refs.at.get(items, length - 1) !== at) throw broken(at, id, where, "the ref back to it");
        break;
      }
      case ROWS: {
        const rows = types.table.rows.get(at);
        const length = rowsLength(id);
        if (types.rows.length(rows) !== length) throw broken(at, id, where, `its array's length ${types.rows.length(rows)}, which was ${length},`);
        const i = drawn(at, 0, length);
        if (types.rows.at.id.get(rows, i) !== (id + i) >>> 0) throw broken(at, id, where, `row ${i}`);
        break;
      }
    }
    return id;
  }

  /** How many slots an object has. */
  slotCount(id: number): number {
    switch (kindOf(id)) {
      case PAIR:
        return 2;
      case RICH:
        return 5;
      case FAT:
        return 30;
      case LIST:
        return Math.min(listLength(id) - 1, LIST_SLOTS);
      case ROWS:
        return Math.min(rowsLength(id), ROWS_SLOTS);
      default:
        return 0;
    }
  }

  get(at: number, id: number, i: number): number {
    return this.slotsOf(id).get(at, i);
  }
  /** As `get`, of an object that other threads change. */
  load(at: number, id: number, i: number): number {
    return this.slotsOf(id).load(at, i);
  }
  set(at: number, id: number, i: number, value: number): void {
    this.slotsOf(id).set(at, i, value);
  }
  /** Stores if the slot holds `expected`; what it held. */
  compareExchange(at: number, id: number, i: number, expected: number, value: number): number {
    return this.slotsOf(id).compareExchange(at, i, expected, value);
  }

  /** Whether an object has a text. */
  hasContent(id: number): boolean {
    return this.contents[kindOf(id)] !== undefined;
  }

  /** Gives it the text, and the bytes, of a version. Nobody else may do so meanwhile. @throws HeapExhaustedError, and all is as it was. */
  setContent(at: number, id: number, version: number): void {
    const content = this.contents[kindOf(id)]!;
    content.name.set(at, textOf(id, version));
    // If there is no room for the bytes, the version says what the text is.
    content.version.set(at, version);
    if (kindOf(id) === RICH) {
      this.types.rich.tag.set(at, 0);
      this.types.rich.data.set(at, new Uint8Array(bytesLength(id, version)).fill(version));
      this.types.rich.tag.set(at, 1);
    }
  }

  /** Whether its text and bytes are of its version. Nobody else may change them meanwhile. @throws SoakFailure. */
  checkContent(at: number, id: number, where: string): void {
    const content = this.contents[kindOf(id)]!;
    const version = content.version.get(at);
    const text = textOf(id, version);
    if (content.name.get(at) !== text || !content.name.equals(at, text)) throw broken(at, id, where, `its text ${JSON.stringify(content.name.get(at))} of version ${version}`);
    if (kindOf(id) !== RICH || this.types.rich.tag.get(at) === 0) return;
    const data = this.types.rich.data.get(at);
    if (data.length !== bytesLength(id, version) || data.some((byte) => byte !== (version & 255))) throw broken(at, id, where, `its ${data.length} bytes of version ${version}`);
  }

  /** Runs `fn` while this thread has the object's mutex; counts, in two words that must agree. Of a rich object. @throws SoakFailure. */
  locked(at: number, id: number, where: string, fn: () => void): void {
    const { rich } = this.types;
    rich.lock.with(at, () => {
      const count = rich.count.get(at);
      if (rich.complement.get(at) !== ~count >>> 0) throw broken(at, id, where, `what its mutex guards (${count}, ${hex(rich.complement.get(at))})`);
      rich.count.set(at, (count + 1) >>> 0);
      try {
        fn();
      } finally {
        rich.complement.set(at, ~(count + 1) >>> 0);
      }
    });
  }

  /** A pair as a view shows it: its id and the ids of what it leads to. */
  viewPair(at: number): (number | undefined)[] {
    const view = this.heap.at(this.types.pair, at)!;
    return [view.id, view.x?.id, view.y?.id];
  }

  /** Calls `visit` with the address of the object and of each that belongs to it alone. */
  forEachPart(at: number, id: number, visit: (addr: number) => void): void {
    visit(at);
    const kind = kindOf(id);
    if (kind === LIST) visit(this.types.list.items.get(at));
    if (kind === ROWS) visit(this.types.table.rows.get(at));
    const text = this.contents[kind]?.name.getRef(at) ?? 0;
    if (text !== 0) visit(text);
    const data = kind === RICH ? this.types.rich.data.getRef(at) : 0;
    if (data !== 0) visit(data);
  }

  /** Whether the object shares a block with others, so that it may outlive its last ref. */
  isTiny(id: number): boolean {
    return kindOf(id) === CELL || (kindOf(id) === BLOCK && blockSize(id) < TINY_SIZE);
  }

  private slotsOf(id: number): Slots {
    return this.slots[kindOf(id)]!;
  }

  private allocate(id: number): number {
    const { heap, types } = this;
    switch (kindOf(id)) {
      case CELL:
        return this.zeroed(heap.alloc(types.cell), types.cell.$type.layout.size, id);
      case BLOCK:
        return this.zeroed(heap.mallocgc(blockSize(id)), blockSize(id), id);
      case LEAF:
        return this.zeroed(heap.alloc(types.leaf), types.leaf.$type.layout.size, id);
      case PAIR:
        return this.zeroed(heap.alloc(types.pair), types.pair.$type.layout.size, id);
      case RICH:
        return this.zeroed(heap.alloc(types.rich), types.rich.$type.layout.size, id);
      case FAT:
        return this.zeroed(heap.alloc(types.fat), types.fat.$type.layout.size, id);
      case LIST:
        return this.zeroed(heap.alloc(types.list), types.list.$type.layout.size, id);
      default:
        return this.zeroed(heap.alloc(types.table), types.table.$type.layout.size, id);
    }
  }

  /** A new object of `nbytes` has nothing in it but, if it is an array, its length. */
  private zeroed<R extends number>(at: R, nbytes: number, id: number, length = 0): R {
    const { heap } = this;
    if (length !== 0 && heap.i32[at >>> 2] !== length) throw broken(at, id, "a new array", "its length");
    const skip = length === 0 ? 0 : 4;
    const dirty = firstDamage(heap, at + skip, nbytes - skip, 0);
    if (dirty >= 0) throw new SoakFailure(`a new object ${hex(id)} of ${nbytes} bytes at ${at} is not zero at byte ${dirty + skip}: ${heap.u8[at + skip + dirty]!}`);
    return at;
  }
}

function pairSlots({ x, y }: { readonly x: FieldSlot; readonly y: FieldSlot }): Slots {
  const of = (i: number): FieldSlot => (i === 0 ? x : y);
  return {
    get: (at, i) => of(i).get(at),
    set: (at, i, value) => { of(i).set(at, value); },
    load: (at, i) => of(i).load(at),
    compareExchange: (at, i, expected, value) => of(i).compareExchange(at, expected, value),
  };
}

interface FieldSlot {
  get(ref: number): number;
  set(ref: number, value: CellRef): void;
  load(ref: number): number;
  compareExchange(ref: number, expected: CellRef, value: CellRef): number;
}

/** Slots spread over an array that the object leads to; `spare` elements at its end are none. */
function arraySlots(arrayOf: (at: number) => number, lengthOf: (array: number) => number, items: Slots, most: number, spare: number): Slots {
  const place = (array: number, i: number): number => {
    const room = lengthOf(array) - spare;
    return Math.floor((i * room) / Math.min(room, most));
  };
  return {
    get: (at, i) => { const a = arrayOf(at); return items.get(a, place(a, i)); },
    set: (at, i, value) => { const a = arrayOf(at); items.set(a, place(a, i), value); },
    load: (at, i) => { const a = arrayOf(at); return items.load(a, place(a, i)); },
    compareExchange: (at, i, expected, value) => { const a = arrayOf(at); return items.compareExchange(a, place(a, i), expected, value); },
  };
}

interface ListTypes {
  readonly list: { readonly items: { get(ref: number): number } };
  readonly refs: { readonly at: Slots; length(ref: number): number };
}

function listSlots({ list, refs }: ListTypes): Slots {
  return arraySlots((at) => list.items.get(at), (a) => refs.length(a), refs.at, LIST_SLOTS, 1);
}

interface RowsTypes {
  readonly table: { readonly rows: { get(ref: number): number } };
  readonly rows: { readonly at: { readonly to: Slots }; length(ref: number): number };
}

function rowsSlots({ table, rows }: RowsTypes): Slots {
  return arraySlots((at) => table.rows.get(at), (a) => rows.length(a), rows.at.to, ROWS_SLOTS, 0);
}

function broken(at: number, id: number, where: string, what: string): SoakFailure {
  return new SoakFailure(`${where} leads to the object ${hex(id)} at ${at}, but ${what} is not as it was`);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
