/** A module of Node's, found without an import that a browser or bundler would see; undefined where there is none. */
export function nodeModule(id: string): unknown {
  return (globalThis as { process?: { getBuiltinModule?: (id: string) => unknown } }).process?.getBuiltinModule?.(id);
}
