/**
 * Reading and writing what typed objects have: fields through accessors, with raw refs, and as properties of views.
 *
 * Each kernel is a loop of its own, as in js-access.ts. The objects are kept by an array on a handle; refs and views are taken from it anew when a
 * kernel is called for the first time, as they are good for one turn, and all calls come in one.
 */
import { array, f64, ref, struct, u32, type Bound, type Handle, type Heap, type View } from "@mallocgc/runtime";
import type { ObjectJob } from "../job.ts";
import type { Kernel } from "../kernels.ts";
import type { FieldCase } from "../object-cases.ts";
import { openHeap } from "./mallocgc-heap.ts";
import { FIELD_OBJECTS } from "./programs.ts";

const Fields = struct("Fields", {
  u32,
  f64,
  get ref() {
    return ref(Fields);
  },
});
const Objects = array(ref(Fields));

abstract class FieldKernel implements Kernel {
  /** What was read, so that no read can be left out. */
  sum = 0;
  protected readonly type: Bound<typeof Fields>;
  protected readonly refs: Uint32Array = new Uint32Array(FIELD_OBJECTS);
  private readonly heap: Heap;
  private readonly kept: Handle;
  private begun = false;

  constructor(heap: Heap) {
    this.heap = heap;
    const type = heap.type(Fields);
    const objects = heap.type(Objects);
    this.type = type;
    this.kept = heap.turn(() => {
      const kept = heap.root(heap.alloc(objects, FIELD_OBJECTS));
      for (let i = 0; i < FIELD_OBJECTS; i++) {
        const t = heap.alloc(type);
        type.u32.set(t, i);
        type.f64.set(t, i + 0.5);
        type.ref.set(t, i === 0 ? 0 : objects.at.get(kept.ref, i - 1));
        objects.at.set(kept.ref, i, t);
      }
      return kept;
    });
  }

  run(n: number): void {
    if (!this.begun) {
      const { at } = this.heap.type(Objects);
      for (let i = 0; i < FIELD_OBJECTS; i++) this.refs[i] = at.get(this.kept.ref, i);
      this.begin();
      this.begun = true;
    }
    this.loop(n);
  }

  /** Takes from the refs what else the loop goes over. */
  protected begin(): void {
    this.sum = 0;
  }

  protected abstract loop(n: number): void;

  protected view(i: number): View<typeof Fields> {
    return this.heap.at(this.type, this.refs[i]!)!;
  }
}

class ReadU32 extends FieldKernel {
  protected loop(n: number): void {
    const { refs } = this;
    const field = this.type.u32;
    let sum = 0;
    for (let i = 0; i < n; i++) sum = (sum + field.get(refs[i & (FIELD_OBJECTS - 1)]!)) | 0;
    this.sum = sum;
  }
}

class ReadF64 extends FieldKernel {
  protected loop(n: number): void {
    const { refs } = this;
    const field = this.type.f64;
    let sum = 0;
    for (let i = 0; i < n; i++) sum += field.get(refs[i & (FIELD_OBJECTS - 1)]!);
    this.sum = sum;
  }
}

class ReadRef extends FieldKernel {
  private last = 0;

  protected loop(n: number): void {
    const { refs } = this;
    const field = this.type.ref;
    let last = this.last;
    let same = 0;
    for (let i = 0; i < n; i++) {
      const at = field.get(refs[i & (FIELD_OBJECTS - 1)]!);
      if (at === last) same++;
      last = at;
    }
    this.last = last;
    this.sum = same;
  }
}

class WriteU32 extends FieldKernel {
  protected loop(n: number): void {
    const { refs } = this;
    const field = this.type.u32;
    for (let i = 0; i < n; i++) field.set(refs[i & (FIELD_OBJECTS - 1)]!, i);
  }
}

class WriteF64 extends FieldKernel {
  protected loop(n: number): void {
    const { refs } = this;
    const field = this.type.f64;
    for (let i = 0; i < n; i++) field.set(refs[i & (FIELD_OBJECTS - 1)]!, i + 0.5);
  }
}

class WriteRef extends FieldKernel {
  protected loop(n: number): void {
    const { refs } = this;
    const field = this.type.ref;
    const value = refs[7]!;
    for (let i = 0; i < n; i++) field.set(refs[i & (FIELD_OBJECTS - 1)]!, value);
  }
}

abstract class ViewKernel extends FieldKernel {
  protected readonly views: View<typeof Fields>[] = [];

  protected override begin(): void {
    for (let i = 0; i < FIELD_OBJECTS; i++) this.views.push(this.view(i));
  }
}

class ViewReadU32 extends ViewKernel {
  protected loop(n: number): void {
    const { views } = this;
    let sum = 0;
    for (let i = 0; i < n; i++) sum = (sum + views[i & (FIELD_OBJECTS - 1)]!.u32) | 0;
    this.sum = sum;
  }
}

class ViewReadF64 extends ViewKernel {
  protected loop(n: number): void {
    const { views } = this;
    let sum = 0;
    for (let i = 0; i < n; i++) sum += views[i & (FIELD_OBJECTS - 1)]!.f64;
    this.sum = sum;
  }
}

/** What a view gives for a ref is a view again; so is what is compared here. */
class ViewReadRef extends ViewKernel {
  private last: View<typeof Fields> | null = null;

  protected loop(n: number): void {
    const { views } = this;
    let last = this.last;
    let same = 0;
    for (let i = 0; i < n; i++) {
      const view = views[i & (FIELD_OBJECTS - 1)]!.ref;
      if (view === last) same++;
      last = view;
    }
    this.last = last;
    this.sum = same;
  }
}

class ViewWriteU32 extends ViewKernel {
  protected loop(n: number): void {
    const { views } = this;
    for (let i = 0; i < n; i++) views[i & (FIELD_OBJECTS - 1)]!.u32 = i;
  }
}

class ViewWriteF64 extends ViewKernel {
  protected loop(n: number): void {
    const { views } = this;
    for (let i = 0; i < n; i++) views[i & (FIELD_OBJECTS - 1)]!.f64 = i + 0.5;
  }
}

class ViewWriteRef extends ViewKernel {
  protected loop(n: number): void {
    const { views } = this;
    const value = views[7]!;
    for (let i = 0; i < n; i++) views[i & (FIELD_OBJECTS - 1)]!.ref = value;
  }
}

const FIELD_KERNELS = {
  accessor: { read: { u32: ReadU32, f64: ReadF64, ref: ReadRef }, write: { u32: WriteU32, f64: WriteF64, ref: WriteRef } },
  view: { read: { u32: ViewReadU32, f64: ViewReadF64, ref: ViewReadRef }, write: { u32: ViewWriteU32, f64: ViewWriteF64, ref: ViewWriteRef } },
} as const;

export async function fields(job: ObjectJob<FieldCase>): Promise<Kernel> {
  return new FIELD_KERNELS[job.way][job.op][job.field](await openHeap({ heapBytes: job.heapBytes, markers: 1 }));
}
