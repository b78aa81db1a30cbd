export { loadRef, type Barrier, type RootSource } from "./root-source.ts";
export { SPECIAL_TAKEN, Specials, type SlotMarks, type SpecialCounts, type SpecialOwners } from "./specials.ts";
export { SpecialQueues } from "./specials-queue.ts";
export {
  KIND_CANCELLED, KIND_CLEANUP, KIND_FINALIZER, KIND_WEAK_HANDLE, Special, SpecialQueue, SpecialsState, WeakHandle, type SpecialPtr, type WeakHandlePtr,
} from "./specials-record.ts";
export { verifySpecials } from "./specials-verify.ts";
export { WeakHandles } from "./specials-weak.ts";
