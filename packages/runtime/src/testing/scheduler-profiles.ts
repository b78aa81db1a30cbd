/**
 * What kinds of runs there are. A seed draws one, and then the figures of the run from its lists.
 *
 * A fault of the protocol shows in a few steps of two or three threads, if they come in the right order; how likely that is depends most of all on what threads do at
 * all. So there is no one kind of run that finds everything:
 *
 *     anything     programs of all operations, in a heap that they change a lot: what hangs together in ways that nobody thought of
 *     duel         two threads about one object (scheduler-duels.ts), every plain read old that may be, cycles back to back: what needs several threads' steps in
 *                  an order that is rare. Short, so that there are many
 */

/** Who may take part in a run. */
export type Cast = "programs" | "duel";

/** One kind of run. Of each list a run draws one. */
export interface Profile {
  readonly name: string;
  readonly cast: Cast;
  /** Operations, at least and at most. */
  readonly operations: readonly [number, number];
  /** Mean number of operations that come in between at one time. */
  readonly bursts: readonly number[];
  /** Mean number of accesses between two such times, for each of these operations. */
  readonly periods: readonly number[];
  /** One of so many plain reads that could be old is. 1: each. */
  readonly oldReads: readonly number[];
  /** How likely an actor is picked, against others: drawn for each anew, again and again, so that now one and now another does most. */
  readonly weights: readonly number[];
  /** Picks for which the weights of actors last, on average. */
  readonly mood: number;
  /** One in so many steps of a thread that collects, while no cycle is under way, asks for one. */
  readonly requests: number;
  /** One in so many of its steps marks, when there is something to mark. */
  readonly marks: number;
}

/** Programs of all operations. */
export const ANYTHING: Profile = {
  name: "anything", cast: "programs", operations: [80, 400], bursts: [1, 3, 8, 20, 40], periods: [30, 80, 200], oldReads: [1, 1, 2, 6],
  weights: [0, 1, 1, 2, 2, 2, 2, 8], mood: 15, requests: 3, marks: 4,
};
const DUEL: Profile = {
  name: "duel", cast: "duel", operations: [30, 80], bursts: [1, 3, 8], periods: [30, 100, 300], oldReads: [1, 1, 1, 2],
  weights: [0, 1, 2, 4], mood: 6, requests: 1, marks: 3,
};

/** All of them; those that are there more than once are drawn as much more often. */
export const PROFILES: readonly Profile[] = [ANYTHING, ANYTHING, ANYTHING, DUEL, DUEL, DUEL, DUEL];
