/**
 * Which files the demo reads: real files, each once, in an order that depends on their names alone.
 *
 * Directories are walked to the bottom. Symbolic links are followed, and a file or directory that can be reached in
 * several ways (pnpm links every package many times) counts once, under its real path. Paths are sorted by UTF-16 code
 * unit, not by a locale. `.git` is not entered.
 */
import { type Dirent, readdirSync, realpathSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** Markdown and TypeScript, declarations included. */
const PROSE_AND_TYPES = /\.(?:md|[cm]?ts)$/;

/** Says by name whether a file is wanted. */
export type FileFilter = (path: string) => boolean;

/** The default run's filter: `.md`, `.ts`, `.mts`, `.cts` (and so `.d.ts`). */
export const markdownAndTypeScript: FileFilter = (path) => PROSE_AND_TYPES.test(path);

/** All files: which of them are text is seen when they are read. */
export const everyFile: FileFilter = () => true;

/**
 * The files under `roots` (directories or single files) that `wanted` takes, sorted; relative to `base` where they lie
 * inside it.
 *
 * @throws the file system's error when a root cannot be read. What cannot be read below a root is left out.
 */
export function listFiles(roots: readonly string[], wanted: FileFilter, base: string): string[] {
  const files = new Set<string>();
  const visited = new Set<string>();
  const pending: string[] = [];
  const realBase = realpathSync(base);

  const offer = (path: string): void => {
    const stat = statSync(path);
    if (stat.isFile()) {
      if (wanted(path)) files.add(path);
    } else if (stat.isDirectory() && !visited.has(path)) {
      visited.add(path);
      pending.push(path);
    }
  };

  for (const root of roots) offer(realpathSync(root));
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    for (const entry of readDirectory(dir)) {
      const path = join(dir, entry.name);
      if (entry.isFile()) {
        if (wanted(path)) files.add(path);
      } else if (entry.isDirectory()) {
        if (entry.name !== ".git" && !visited.has(path)) {
          visited.add(path);
          pending.push(path);
        }
      } else if (entry.isSymbolicLink()) {
        try {
          offer(realpathSync(path));
        } catch {
          // A link to nowhere is no file.
        }
      }
    }
  }
  return [...files].map((path) => shorten(path, realBase)).sort();
}

function readDirectory(dir: string): Dirent[] {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch {
    return [];
  }
}

function shorten(path: string, base: string): string {
  const short = relative(base, path);
  return short === "" || short.startsWith(`..${sep}`) || short === ".." ? path : short;
}
