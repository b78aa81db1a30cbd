/** What others may take from the demo: its map, which the benchmark measures. */
export { TermMap, type EntryRef, type ShardsRef } from "./index/term-map.ts";
export { hashTerm } from "./text/tokenizer.ts";
