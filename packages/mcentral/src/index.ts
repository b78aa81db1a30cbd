export { Central, SPAN_BUDGET, reuseThreshold } from "./central.ts";
export { MCentral, NUM_SETS } from "./central-record.ts";
export { SpanSets } from "./span-set.ts";
export type { Sweeper } from "./sweeper.ts";
