/**
 * Assists: how a thread that allocates while a cycle runs pays for it with scan work.
 *
 * Each P has an account in bytes: allocating takes from it, scan work puts into it, at the pacer's rate of the moment. Below 0 the P is in
 * debt and has to assist before it goes on:
 *
 *     debt ──► work = debt * assistWorkPerByte, at least 64 KiB      so that the next allocations are paid for too
 *          ──► steal from the background's credit                     what markers scanned beyond anybody's debt
 *          ──► scan what is left, and put that into the account
 *
 * An assist is not asked for while the CPU limiter limits. Who cannot pay, because there is nothing to scan just then, goes on in debt or
 * waits; that is the caller's affair.
 *
 * The credit is one word of the region, in units of 8 bytes of scan work: what can be scanned in a region of 4 GiB fits. Handing in cuts
 * off to units, taking rounds up to them, so credit is lost to rounding and never made. Two Ps that steal at once may take it below 0, as in
 * Go: then nobody steals until markers have made up for it.
 */
import type { Ptr } from "@mallocgc/sysmem";

/** The least scan work of an assist, in bytes. */
export const GC_OVER_ASSIST_WORK: number = 64 << 10;
/** Scan work that a marker keeps to itself before it hands it in as credit and counts it. Exact and slow, or coarse and cheap. */
export const GC_CREDIT_SLACK = 2000;
/** Time in ns that a P assists before it hands that in. */
export const GC_ASSIST_TIME_SLACK = 5000;

/** Bytes of scan work per unit of the credit, as a shift. */
const UNIT_SHIFT = 3;

/** What is left of a debt after the background's credit. */
export interface AssistPlan {
  /** Scan work still to do; 0 when the credit was enough. */
  readonly scanWork: number;
  /** Bytes that the stolen credit puts into the account at once. */
  readonly paidBytes: number;
}

/** The background's credit: a word of the region. Any thread may call anything. */
export class AssistCredit {
  private readonly mem: Int32Array;
  private readonly word: Ptr;

  constructor(mem: Int32Array, word: Ptr) {
    this.mem = mem;
    this.word = word;
  }

  /** Scan work in bytes that nobody has claimed. */
  get available(): number {
    // Pairs with nothing: out of date as soon as it is read.
    return Atomics.load(this.mem, this.word) * (1 << UNIT_SHIFT);
  }

  /** Starts a cycle at 0. */
  reset(): void {
    // Pairs with nothing: the driver does it before assists are asked for.
    Atomics.store(this.mem, this.word, 0);
  }

  /** A marker hands in bytes that it has scanned (background-marker.ts says how often; Go: every {@link GC_CREDIT_SLACK}). */
  add(scanWork: number): void {
    // Pairs with the subtraction in steal.
    Atomics.add(this.mem, this.word, scanWork >>> UNIT_SHIFT);
  }

  /** Takes up to `scanWork` bytes and says how many it got. */
  steal(scanWork: number): number {
    // Pairs with nothing: a look. What matters is the subtraction.
    const credit = Atomics.load(this.mem, this.word);
    if (credit <= 0) return 0;
    const units = Math.min(credit, Math.ceil(scanWork / (1 << UNIT_SHIFT)));
    // Pairs with the addition in add. Another may have stolen since the load: the credit goes below 0, and is made up for.
    Atomics.sub(this.mem, this.word, units);
    return Math.min(units * (1 << UNIT_SHIFT), scanWork);
  }
}

/**
 * Plans an assist of a P that is `debtBytes` in debt, at the pacer's two rates, and steals what can be stolen. The caller puts `paidBytes`
 * into the account, scans `scanWork`, and puts {@link bytesForWork} of what it scanned into it too.
 */
export function planAssist(credit: AssistCredit, debtBytes: number, workPerByte: number, bytesPerWork: number): AssistPlan {
  const owed = Math.trunc(workPerByte * debtBytes);
  const wanted = Math.max(owed, GC_OVER_ASSIST_WORK);
  const stolen = credit.steal(wanted);
  if (stolen === 0) return { scanWork: wanted, paidBytes: 0 };
  if (stolen < wanted) return { scanWork: wanted - stolen, paidBytes: bytesForWork(stolen, bytesPerWork) };
  return { scanWork: 0, paidBytes: owed === wanted ? debtBytes : Math.trunc(bytesPerWork * wanted) };
}

/** Bytes of allocation that scan work pays for. One more, so that work always counts, however low the rate. */
export function bytesForWork(scanWork: number, bytesPerWork: number): number {
  return 1 + Math.trunc(bytesPerWork * scanWork);
}
