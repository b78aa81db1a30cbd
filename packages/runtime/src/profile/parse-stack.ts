/**
 * The text of `error.stack`, where an engine gives no call sites.
 *
 *     SpiderMonkey, JavaScriptCore    name@file:line:column       one frame a line
 *     V8                                  at name (file:line:column), or at file:line:column
 */
import type { Frame } from "./frame.ts";

const V8 = /^\s+at (?:(.*?) \((.*)\)|(.*))$/;
const AT = /^(.*?)@(.*)$/;
const PLACE = /^(.*?)(?::(\d+))?(?::(\d+))?$/;

/** The frames of a stack's text, innermost first; lines that are none are left out. */
export function parseStack(text: string): Frame[] {
  return text.split("\n").flatMap((line) => {
    const v8 = V8.exec(line);
    if (v8 !== null) return [frame(v8[1] ?? "", v8[2] ?? v8[3]!)];
    const at = AT.exec(line);
    return at === null ? [] : [frame(at[1]!, at[2]!)];
  });
}

function frame(name: string, place: string): Frame {
  const [, fileName = "", line = "0", column = "0"] = PLACE.exec(place)!;
  return { functionName: name, fileName, line: Number(line), column: Number(column) };
}
