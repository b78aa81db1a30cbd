/** Named roots as a program uses them: how threads find each other's objects. The table is in the region (roots/root-table.ts); this adds types. */
import type { RootValue } from "./roots/root-host.ts";
import type { RootTable } from "./roots/root-table.ts";
import type { BoundType, View } from "./types/infer.ts";
import type { TypeTable } from "./types/type-table.ts";
import { HeapError } from "./errors.ts";

/** The named roots of a heap, for one thread. */
export class NamedRoots {
  private readonly table: RootTable;
  private readonly types: TypeTable;

  /** @internal A heap has one. */
  constructor(table: RootTable, types: TypeTable) {
    this.table = table;
    this.types = types;
  }

  /**
   * Makes an object the root of that name in the place of what it was, by one store; null lets that go and keeps the name. With a view, the root
   * remembers its type.
   *
   * @throws HeapError `ERR_ROOT` for a name or value that is none; HeapExhaustedError.
   */
  set(name: string, value: RootValue): void {
    this.table.set(name, value, typeof value === "object" && value !== null ? this.types.typeAddrOfView(value) : 0);
  }

  /** The address of the object of that name, 0 for null. @throws HeapError `ERR_ROOT_UNKNOWN` when the name was never set, or was deleted. */
  get(name: string): number;
  /** A view of the object of that name, null for null. @throws HeapError also `ERR_TYPE_MISMATCH` when it was set as an object of another type. */
  get<T>(name: string, type: BoundType<T>): View<T> | null;
  get<T>(name: string, type?: BoundType<T>): number | View<T> | null {
    if (type === undefined) return this.table.get(name);
    const { ref, type: typeAddr } = this.table.getTyped(name);
    const wanted = this.types.typeAddrOf(type);
    if (typeAddr !== 0 && typeAddr !== wanted) {
      throw new HeapError("ERR_TYPE_MISMATCH", `root ${name} is an object of type ${this.types.nameOf(typeAddr)}, not ${this.types.nameOf(wanted)}`);
    }
    return ref === 0 ? null : this.types.viewOf<BoundType<T>>(type, ref as never);
  }

  /** Whether there is a root of that name. */
  has(name: string): boolean {
    return this.table.has(name);
  }

  /** Lets the object go and forgets the name. False when there is none. */
  delete(name: string): boolean {
    return this.table.delete(name);
  }

  /** All names, in no particular order. */
  names(): string[] {
    return this.table.names();
  }

  /** Blocks until the name is there; its object's address. Ends the turn. @throws HeapError `ERR_ROOT_UNKNOWN` in the end; `ERR_ROOT` where blocking is not allowed. */
  wait(name: string, timeoutMs?: number): number {
    return this.table.wait(name, timeoutMs);
  }

  /** Resolves when the name is there: then `get` has it. Blocks nothing. @throws HeapError as `wait`. */
  waitAsync(name: string, timeoutMs?: number): Promise<void> {
    return this.table.waitAsync(name, timeoutMs);
  }
}
