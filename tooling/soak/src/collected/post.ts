/**
 * Handles between threads, by real messages: one port to each other thread. What is sent is kept by the sender until later, or moved.
 *
 * A message is looked for at a step, not waited for, so that the thread can be in the middle of a turn.
 */
import { receiveMessageOnPort, type MessagePort } from "node:worker_threads";
import { HeapError, type Handle, type Heap } from "@mallocgc/runtime";
import { SoakFailure } from "../failure.ts";
import type { Rng } from "../rng.ts";

interface Letter {
  readonly handle: unknown;
  readonly id: number;
  readonly moved: boolean;
}

/** A handle and the id of its object. */
export interface Held {
  readonly handle: Handle;
  readonly id: number;
}

/** One thread's ports, and what came by them. */
export class Post {
  private readonly ports: readonly MessagePort[];
  /** Letters that were received and could not be adopted for want of room. */
  private readonly waiting: Letter[] = [];

  constructor(ports: readonly MessagePort[]) {
    this.ports = ports;
  }

  /** Sends a handle's object to some thread; whether the handle was moved. False too when there is nobody. In a turn. */
  send({ handle, id }: Held, rng: Rng): boolean {
    const port = this.ports[rng.below(this.ports.length)];
    if (port === undefined) return false;
    const moved = rng.below(2) === 0;
    const letter: Letter = { handle: moved ? handle.move() : handle, id, moved };
    port.postMessage(letter);
    return moved;
  }

  /** Adopts one object that was sent; undefined when there is none. In a turn. @throws HeapExhaustedError, and it is there still; SoakFailure. */
  receive(heap: Heap): Held | undefined {
    const letter = this.waiting.pop() ?? this.take();
    if (letter === undefined) return undefined;
    try {
      return { handle: heap.adopt(letter.handle), id: letter.id };
    } catch (error) {
      const code = error instanceof HeapError ? error.code : "";
      if (code === "ERR_HEAP_EXHAUSTED") this.waiting.push(letter);
      // The sender has disposed of what it had kept; what it had moved, nobody can have.
      else if (code === "ERR_ROOT_DISPOSED" && !letter.moved) return undefined;
      else if (code === "ERR_ROOT_DISPOSED") throw new SoakFailure(`the handle of object ${letter.id} was moved to this thread, but it is gone`, { cause: error });
      throw error;
    }
  }

  /** Whether something waits. */
  get empty(): boolean {
    const letter = this.waiting.pop() ?? this.take();
    if (letter === undefined) return true;
    this.waiting.push(letter);
    return false;
  }

  private take(): Letter | undefined {
    for (const port of this.ports) {
      const found = receiveMessageOnPort(port) as { message: Letter } | undefined;
      if (found !== undefined) return found.message;
    }
    return undefined;
  }
}
