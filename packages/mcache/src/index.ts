export { Cache, type RefillHooks } from "./cache.ts";
export { MCache } from "./cache-record.ts";
export { DEFAULT_MEM_PROFILE_RATE, MAX_MEM_PROFILE_RATE, type SampleSink } from "./next-sample.ts";
export { Clearer } from "./clear.ts";
export { Tiny, type SlotSink } from "./tiny.ts";
