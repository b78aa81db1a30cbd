export { SizeClassError, type SizeClassErrorCode } from "./errors.ts";
export {
  LARGE_SIZE_DIV,
  SMALL_SIZE_DIV,
  SMALL_SIZE_MAX,
  generateSizeClasses,
  type AlignmentGuarantee,
  type GenerateOptions,
  type SizeClassRow,
  type SizeClassTable,
} from "./generate.ts";
export {
  CLASS_TO_DIV_MAGIC,
  MALLOC_HEADER_SIZE,
  MIN_SIZE_FOR_MALLOC_HEADER,
  SIZE_TO_CLASS128,
  SIZE_TO_CLASS8,
  objectIndex,
  roundupsize,
  sizeToClass,
  type SizeClass,
} from "./lookup.ts";
export {
  NUM_SPAN_CLASSES,
  TINY_SIZE,
  TINY_SIZE_CLASS,
  TINY_SPAN_CLASS,
  isNoscan,
  makeSpanClass,
  nelemsOf,
  sizeClassOf,
  type SpanClass,
} from "./span-class.ts";
export { CLASS_TO_PAGES, CLASS_TO_SIZE, MAX_SMALL_SIZE, NUM_SIZE_CLASSES } from "./table.ts";
