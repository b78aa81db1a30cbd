/**
 * Reading and writing what plain JavaScript has: properties of objects that all have one hidden class, and entries of a Map.
 *
 * Each kernel is a loop of its own, so that each site sees one field and does one thing.
 */
import type { ObjectJob } from "../job.ts";
import type { Kernel } from "../kernels.ts";
import { mapKeys } from "../map-keys.ts";
import type { FieldCase, MapCase } from "../object-cases.ts";
import { FIELD_OBJECTS } from "./programs.ts";

class Fields {
  u32: number;
  f64: number;
  ref: Fields | null;

  constructor(i: number, ref: Fields | null) {
    this.u32 = i;
    this.f64 = i + 0.5;
    this.ref = ref;
  }
}

abstract class FieldKernel implements Kernel {
  protected readonly objects: Fields[] = [];
  /** What was read, so that no read can be left out. */
  sum = 0;
  last: Fields | null = null;

  constructor() {
    for (let i = 0; i < FIELD_OBJECTS; i++) this.objects.push(new Fields(i, this.objects.at(-1) ?? null));
  }

  abstract run(n: number): void;
}

class ReadU32 extends FieldKernel {
  run(n: number): void {
    const { objects } = this;
    let sum = 0;
    for (let i = 0; i < n; i++) sum = (sum + objects[i & (FIELD_OBJECTS - 1)]!.u32) | 0;
    this.sum = sum;
  }
}

class ReadF64 extends FieldKernel {
  run(n: number): void {
    const { objects } = this;
    let sum = 0;
    for (let i = 0; i < n; i++) sum += objects[i & (FIELD_OBJECTS - 1)]!.f64;
    this.sum = sum;
  }
}

class ReadRef extends FieldKernel {
  run(n: number): void {
    const { objects } = this;
    let last = this.last;
    let same = 0;
    for (let i = 0; i < n; i++) {
      const ref = objects[i & (FIELD_OBJECTS - 1)]!.ref;
      if (ref === last) same++;
      last = ref;
    }
    this.last = last;
    this.sum = same;
  }
}

class WriteU32 extends FieldKernel {
  run(n: number): void {
    const { objects } = this;
    for (let i = 0; i < n; i++) objects[i & (FIELD_OBJECTS - 1)]!.u32 = i;
  }
}

class WriteF64 extends FieldKernel {
  run(n: number): void {
    const { objects } = this;
    for (let i = 0; i < n; i++) objects[i & (FIELD_OBJECTS - 1)]!.f64 = i + 0.5;
  }
}

class WriteRef extends FieldKernel {
  run(n: number): void {
    const { objects } = this;
    const value = objects[7]!;
    for (let i = 0; i < n; i++) objects[i & (FIELD_OBJECTS - 1)]!.ref = value;
  }
}

const FIELD_KERNELS = {
  read: { u32: ReadU32, f64: ReadF64, ref: ReadRef },
  write: { u32: WriteU32, f64: WriteF64, ref: WriteRef },
} as const;

export function fields({ op, field }: ObjectJob<FieldCase>): Promise<Kernel> {
  return Promise.resolve(new FIELD_KERNELS[op][field]());
}

class MapKernel implements Kernel {
  private readonly map: Map<string, number> = new Map();
  private readonly keys: string[];
  private at = 0;
  sum = 0;
  private readonly update: boolean;

  constructor(keys: string[], update: boolean) {
    this.keys = keys;
    this.update = update;
    // In another order than that of the lookups: a Map keeps its entries in the order in which they came.
    for (const [i, key] of keys.toSorted().entries()) this.map.set(key, i);
  }

  run(n: number): void {
    if (this.update) this.runUpdate(n);
    else this.runGet(n);
  }

  private runGet(n: number): void {
    const { map, keys } = this;
    let at = this.at;
    let sum = 0;
    for (let i = 0; i < n; i++) {
      sum = (sum + map.get(keys[at]!)!) | 0;
      if (++at === keys.length) at = 0;
    }
    this.at = at;
    this.sum = sum;
  }

  private runUpdate(n: number): void {
    const { map, keys } = this;
    let at = this.at;
    for (let i = 0; i < n; i++) {
      map.set(keys[at]!, i);
      if (++at === keys.length) at = 0;
    }
    this.at = at;
  }
}

export function map({ live, op, seed }: ObjectJob<MapCase>): Promise<Kernel> {
  return Promise.resolve(new MapKernel(mapKeys(live, seed), op === "update"));
}

