export { PAGE_SHIFT, PAGE_SIZE, addrOf, alignUp, ptrOf, type Addr, type PageIndex, type Ptr } from "./addr.ts";
export { SysmemError, type SysmemErrorCode } from "./errors.ts";
export { record, type Access, type FieldSpec, type RecordLayout } from "./record.ts";
export { planFingerprint, planRegion, type PlacedTable, type RegionPlan, type TableSpec } from "./region-plan.ts";
export { MAX_REGION_BYTES, Region, WASM_PAGE_SIZE, canShareMemory, createRegion, openRegion } from "./region.ts";
