/**
 * The phase of the collector: one word of the region that every P watches.
 *
 *     bits 0..2   the phase; bit 0 set: the write barrier is on
 *     bits 3..31  the cycle's number, so that the same phase of two cycles is two values
 *
 * docs/collector.md section 2 says what each phase asks of a P, `Mutator` does it, `Cycle` moves on from one to the next.
 */

/** No cycle is under way. Everything is swept. */
export const PHASE_OFF = 0;
/** Every P turns its barrier on. */
export const PHASE_ARM = 1;
/** Marking: handshake (every P allocates black from its ack on), grace, roots, drain. */
export const PHASE_MARK = 3;
/** The decision whether marking is over. Lasts some instructions of the driver. */
export const PHASE_TERM = 5;
/** Marking is over; spans are swept. */
export const PHASE_SWEEP = 4;

const PHASE_BITS = 7;
const CYCLE_SHIFT = 3;

/** Names of the phases, by number. */
export const PHASE_NAMES: readonly string[] = ["off", "arm", "?", "mark", "sweep", "term"];

/** The phase in a phase word. */
export function phaseOf(word: number): number {
  return word & PHASE_BITS;
}

/** The number of the cycle in a phase word, modulo 2^29. */
export function cycleOf(word: number): number {
  return word >>> CYCLE_SHIFT;
}

/** The phase word of a phase in a cycle. */
export function phaseWord(cycle: number, phase: number): number {
  return (cycle << CYCLE_SHIFT) | phase;
}
