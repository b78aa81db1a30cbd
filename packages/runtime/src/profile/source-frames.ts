/**
 * From the code that runs to the code that was written: a frame's file, line and column by source map, and a file's path instead of its URL.
 *
 * Maps are asked when a profile is read, by the thread that reads it, whoever has allocated: the files are the same for all.
 */
import { nodeModule } from "../node-module.ts";
import type { Frame } from "./frame.ts";

/** A source map, as Node's `module.SourceMap` has it. Lines and columns from 0. */
export interface SourceMapLike {
  findEntry(line: number, column: number): {
    readonly originalSource?: string;
    readonly originalLine?: number;
    readonly originalColumn?: number;
  };
}

/** The source map of a file, named as the engine names it: a URL or a path; undefined where there is none. */
export type SourceMapLookup = (fileName: string) => SourceMapLike | undefined;

interface NodeModules {
  findSourceMap(fileName: string): SourceMapLike | undefined;
}

interface NodeUrls {
  fileURLToPath(url: string): string;
}

/** What turns frames into those of the source. Equal frames in, the same frame out. */
export function sourceFrames(lookup: SourceMapLookup | undefined): (frame: Frame) => Frame {
  const modules = nodeModule("node:module") as NodeModules | undefined;
  const urls = nodeModule("node:url") as NodeUrls | undefined;
  const mapOf: SourceMapLookup = lookup ?? ((fileName) => modules?.findSourceMap(fileName));
  const known = new Map<Frame, Frame>();
  return (frame) => {
    let source = known.get(frame);
    if (source === undefined) {
      source = withPath(mapped(frame, mapOf), urls);
      known.set(frame, source);
    }
    return source;
  };
}

function mapped(frame: Frame, mapOf: SourceMapLookup): Frame {
  if (frame.line === 0) return frame;
  const { originalSource, originalLine, originalColumn } = mapOf(frame.fileName)?.findEntry(frame.line - 1, Math.max(frame.column - 1, 0)) ?? {};
  if (originalSource === undefined || originalLine === undefined) return frame;
  return { functionName: frame.functionName, fileName: originalSource, line: originalLine + 1, column: (originalColumn ?? -1) + 1 };
}

function withPath(frame: Frame, urls: NodeUrls | undefined): Frame {
  return urls !== undefined && frame.fileName.startsWith("file://") ? { ...frame, fileName: urls.fileURLToPath(frame.fileName) } : frame;
}
