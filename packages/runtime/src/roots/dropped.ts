/**
 * What was held through JavaScript objects that were dropped, until the thread's next turn starts.
 *
 * A FinalizationRegistry runs between jobs, at no moment in particular, and the heap may be changed in turns only. So it just notes what was held;
 * whoever watches the objects takes that at a turn's start and lets it go.
 */

/** The objects that one owner watches, and what was held through those that are gone. Of one thread. */
export class Dropped<T> {
  private held: T[] = [];
  private readonly registry: FinalizationRegistry<T>;

  constructor() {
    this.registry = new FinalizationRegistry((held) => this.held.push(held));
  }

  /** `held` is told of when `object` has been dropped. */
  watch(object: object, held: T): void {
    this.registry.register(object, held, object);
  }

  /** Watches `object` no longer. */
  unwatch(object: object): void {
    this.registry.unregister(object);
  }

  /** Whether `take` has something to give. */
  get any(): boolean {
    return this.held.length > 0;
  }

  /** What was held through objects that were dropped since this was last asked. */
  take(): readonly T[] {
    const { held } = this;
    if (held.length > 0) this.held = [];
    return held;
  }
}
