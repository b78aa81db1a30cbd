/** The steps of a cycle, as they stand in the region: what the driver does or waits for next (cycle.ts). */

export const STEP_IDLE = 0;
export const STEP_ARM = 1;
export const STEP_MARK = 2;
export const STEP_GRACE = 3;
export const STEP_DRAIN = 4;
export const STEP_FLUSH = 5;
export const STEP_SWEEP = 6;
/** Names of the steps, by number. */
export const STEP_NAMES: readonly string[] = ["idle", "arm", "mark", "grace", "drain", "flush", "sweep"];
