/** Fields and elements that are floating-point numbers or booleans; how and why, int-fields.ts and int-items.ts tell. Not atomic. */

/** A float, as a field. */
export interface FloatField {
  readonly offset: number;
  get(ref: number): number;
  set(ref: number, value: number): void;
}

/** A float, as an element. */
export interface FloatItems {
  get(ref: number, i: number): number;
  set(ref: number, i: number, value: number): void;
}

export class F32Field implements FloatField {
  private readonly mem: Float32Array;
  readonly offset: number;

  constructor(mem: Float32Array, offset: number) {
    this.mem = mem;
    this.offset = offset;
  }

  get(ref: number): number {
    return this.mem[(ref + this.offset) >>> 2]!;
  }

  set(ref: number, value: number): void {
    this.mem[(ref + this.offset) >>> 2] = value;
  }
}

export class F32Items implements FloatItems {
  private readonly mem: Float32Array;
  private readonly offset: number;
  private readonly stride: number;

  constructor(mem: Float32Array, offset: number, stride: number) {
    this.mem = mem;
    this.offset = offset;
    this.stride = stride;
  }

  get(ref: number, i: number): number {
    return this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 2]!;
  }

  set(ref: number, i: number, value: number): void {
    this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 2] = value;
  }
}

export class F64Field implements FloatField {
  private readonly mem: Float64Array;
  readonly offset: number;

  constructor(mem: Float64Array, offset: number) {
    this.mem = mem;
    this.offset = offset;
  }

  get(ref: number): number {
    return this.mem[(ref + this.offset) >>> 3]!;
  }

  set(ref: number, value: number): void {
    this.mem[(ref + this.offset) >>> 3] = value;
  }
}

export class F64Items implements FloatItems {
  private readonly mem: Float64Array;
  private readonly offset: number;
  private readonly stride: number;

  constructor(mem: Float64Array, offset: number, stride: number) {
    this.mem = mem;
    this.offset = offset;
    this.stride = stride;
  }

  get(ref: number, i: number): number {
    return this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 3]!;
  }

  set(ref: number, i: number, value: number): void {
    this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 3] = value;
  }
}

export class BoolField {
  private readonly mem: Uint8Array;
  readonly offset: number;

  constructor(mem: Uint8Array, offset: number) {
    this.mem = mem;
    this.offset = offset;
  }

  get(ref: number): boolean {
    return this.mem[(ref + this.offset) >>> 0] !== 0;
  }

  set(ref: number, value: boolean): void {
    this.mem[(ref + this.offset) >>> 0] = value ? 1 : 0;
  }
}

export class BoolItems {
  private readonly mem: Uint8Array;
  private readonly offset: number;
  private readonly stride: number;

  constructor(mem: Uint8Array, offset: number, stride: number) {
    this.mem = mem;
    this.offset = offset;
    this.stride = stride;
  }

  get(ref: number, i: number): boolean {
    return this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 0] !== 0;
  }

  set(ref: number, i: number, value: boolean): void {
    this.mem[(ref + this.offset + Math.imul(i, this.stride)) >>> 0] = value ? 1 : 0;
  }
}
