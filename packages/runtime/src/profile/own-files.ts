/**
 * Whether a file is one of the packages that a heap consists of: the innermost frames of a stack that are in such files are left out of a profile.
 *
 * Told by where the file is: beside this package, or in a folder `@mallocgc` of some `node_modules`. Bundled into one file with a program, these packages cannot be told
 * from it, and their frames show.
 */
const PACKAGES = "(?:runtime|gc|scavenger|mcache|mcentral|mheap|mspan|sizeclass|sysmem)";
/** The folder that this package is in: `packages/`, or `node_modules/@mallocgc/`. */
const BESIDE: string = new URL("../../../", import.meta.url).href;
const INSTALLED = new RegExp(`/@mallocgc/${PACKAGES}/(?:dist|src)/`);
const IN_PACKAGE = new RegExp(`^${PACKAGES}/(?:dist|src)/`);
/** Tests stand beside what they test, and are programs that use it. */
const PROGRAM = /\.test\.ts$|\/testing\//;

/** Whether the file, a URL or a path, is one of ours. */
export function isOwnFile(fileName: string): boolean {
  if (PROGRAM.test(fileName)) return false;
  const url = fileName.startsWith("/") ? `file://${fileName}` : fileName;
  return INSTALLED.test(url) || (url.startsWith(BESIDE) && IN_PACKAGE.test(url.slice(BESIDE.length)));
}
