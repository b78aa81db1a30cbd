/**
 * What an object's words are called: type and field names, from the types that this thread has declared.
 *
 * The heap keeps no type of an object of up to 128 bytes: it is known from the field or the root that leads there. So whoever walks the heap takes the type along, edge by
 * edge. Of a type that this thread has not declared the name is known and its fields are not; a pointer in it is then called by its offset, `+16`.
 */
import type { FieldType } from "../types/declare.ts";
import { targetOf } from "../types/declare.ts";
import { ARRAY_HEADER_BYTES, layoutOf, sizeOf } from "../types/layout.ts";
import type { TypeTable } from "../types/type-table.ts";

/** A type by its address in the region; or one of these. */
export type TypeId = number;
export const TYPE_UNKNOWN: TypeId = 0;
const TYPE_STRING: TypeId = -1;
const TYPE_BYTES: TypeId = -2;

/** What a pointer in an object is called, and the type of what it leads to. */
export interface NamedPointer {
  /** A field, or `[i]`, or both as in `[3].next`. */
  readonly name: string;
  /** Of an array whose elements are refs: which; else -1. */
  readonly index: number;
  readonly type: TypeId;
}

interface Place {
  readonly name: string;
  readonly type: TypeId;
}

interface Places {
  /** Bytes of an element; 0 for a struct. */
  readonly elemSize: number;
  /** By byte offset in the struct, or in the element. */
  readonly at: ReadonlyMap<number, Place>;
}

/** The names of one heap's types, as one thread knows them. */
export class TypeNames {
  private readonly types: TypeTable;
  private readonly places = new Map<TypeId, Places | undefined>();

  constructor(types: TypeTable) {
    this.types = types;
  }

  /** A type's name; undefined when the type is not known. */
  nameOf(type: TypeId): string | undefined {
    if (type === TYPE_STRING) return "str";
    if (type === TYPE_BYTES) return "bytes";
    return type === TYPE_UNKNOWN ? undefined : this.types.nameOf(type);
  }

  /** Whether objects of the type are arrays. */
  isArray(type: TypeId): boolean {
    return (this.placesOf(type)?.elemSize ?? 0) !== 0;
  }

  /** What the pointer `offset` bytes into an object of the type is called. */
  pointerAt(type: TypeId, offset: number): NamedPointer {
    const places = this.placesOf(type);
    const { elemSize = 0 } = places ?? {};
    const index = elemSize === 0 ? -1 : Math.floor((offset - ARRAY_HEADER_BYTES) / elemSize);
    const place = places?.at.get(elemSize === 0 ? offset : offset - ARRAY_HEADER_BYTES - index * elemSize);
    if (place === undefined) return { name: `+${offset}`, index: -1, type: TYPE_UNKNOWN };
    if (index < 0) return { ...place, index: -1 };
    return place.name === "" ? { name: `[${index}]`, index, type: place.type } : { name: `[${index}].${place.name}`, index: -1, type: place.type };
  }

  private placesOf(type: TypeId): Places | undefined {
    if (!this.places.has(type)) this.places.set(type, this.read(type));
    return this.places.get(type);
  }

  private read(type: TypeId): Places | undefined {
    const info = type > 0 ? this.types.infoAt(type) : undefined;
    if (info === undefined) return undefined;
    const at = new Map<number, Place>();
    const { decl, layout } = info;
    if (decl.kind === "array") this.collect(decl.elem as FieldType, "", 0, at);
    else for (const field of layout.fields) this.collect(field.type, field.name, field.offset, at);
    return { elemSize: layout.elemSize, at };
  }

  private collect(type: FieldType, name: string, offset: number, at: Map<number, Place>): void {
    const inside = (field: string): string => (name === "" ? field : `${name}.${field}`);
    switch (type.kind) {
      case "ref":
        at.set(offset, { name, type: this.types.typeAddrOf(targetOf(type, name)) });
        break;
      case "str":
        at.set(offset, { name, type: TYPE_STRING });
        break;
      case "bytes":
        at.set(offset, { name, type: TYPE_BYTES });
        break;
      case "struct":
        for (const field of layoutOf(type).fields) this.collect(field.type, inside(field.name), offset + field.offset, at);
        break;
      case "fixed": {
        const elem = type.elem as FieldType;
        const size = sizeOf(elem);
        for (let i = 0; i < type.length; i++) this.collect(elem, `${name}[${i}]`, offset + i * size, at);
        break;
      }
      default:
    }
  }
}
