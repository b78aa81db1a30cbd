/** Preloaded (`--import`), in every thread: a Node that has no way to give pages back. What `give-back.ts` shows without it is then due to the scavenger. */
interface Builtins {
  getBuiltinModule(id: string): unknown;
}

const builtins = process as unknown as Builtins;
const getBuiltinModule = builtins.getBuiltinModule.bind(process);
/** The two ways to the C library: node:ffi, and node:module to load koffi with. */
const WAYS = ["node:ffi", "node:module"];
builtins.getBuiltinModule = (id) => (WAYS.includes(id) ? undefined : getBuiltinModule(id));
