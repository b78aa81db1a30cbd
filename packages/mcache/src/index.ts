export { Cache, type RefillHooks } from "./cache.ts";
export { MCache } from "./cache-record.ts";
export { Clearer } from "./clear.ts";
export { Tiny, type SlotSink } from "./tiny.ts";
