/** The report as text, in the order in which the run goes: what was indexed, what the heap looks like, what was given back. */
import { bytes, count, plural, table } from "./format.ts";
import type { FreeReport, IndexReport, QueryLine } from "./report.ts";

/** What was indexed, and the heap that holds it. */
export function indexText(r: IndexReport): string {
  const f = r.fragmentation;
  return `
Indexed ${plural(r.files, "file")} (${bytes(r.bytesRead)}) in ${r.seconds.toFixed(2)} s with ${plural(r.workers, "worker")}${skipped(r)}
  terms        ${count(r.terms)}
  postings     ${count(r.postings)}, of ${count(r.occurrences)} occurrences
  heap         ${bytes(r.bytesInUse)} in use of ${bytes(r.maxBytes)}, ${plural(r.objects, "object")}
  blocks       ${count(r.mallocs)} asked for, ${count(r.frees)} outgrown and freed on the way
  speed        ${r.mbPerSecPerWorker.toFixed(1)} MB/s per worker
  RSS          ${bytes(r.rssBefore)} before, ${bytes(r.rssIndexed)} now

${table(
  ["worker", "files", "text", "MB/s", "mallocs", "frees"],
  r.perWorker.map((w) => [String(w.worker), count(w.files), bytes(w.bytesRead), w.mbPerSec.toFixed(1), count(w.mallocs), count(w.frees)]),
)}

Size classes in use
${table(
  ["class", "size", "objects", "spans", "bytes", "waste"],
  r.sizeClasses.map((c) => [
    c.sizeClass === 0 ? "large" : String(c.sizeClass),
    c.sizeClass === 0 ? "" : count(c.size),
    count(c.objects),
    count(c.spans),
    bytes(c.bytes),
    `${c.wastePercent.toFixed(1)} %`,
  ]),
)}

Fragmentation
  inside slots   ${f.internalPercent.toFixed(1).padStart(5)} %   the index asked for ${bytes(f.askedBytes)}, its slots are ${bytes(f.slotBytes)}
  between slots  ${f.externalPercent.toFixed(1).padStart(5)} %   its spans are ${bytes(f.spanBytes)}
`;
}

/** One answer. */
export function queryText(q: QueryLine): string {
  const who = `worker ${q.worker}, ${q.micros.toFixed(0)} us${q.correct === null ? "" : q.correct ? ", counted: right" : ", counted: WRONG"}`;
  if (q.files === 0) return `${q.term}: in no file (${who})`;
  const top = q.top.map((t) => `  ${count(t.count).padStart(8)}  ${t.file}`);
  return [`${q.term}: in ${plural(q.files, "file")}, ${plural(q.occurrences, "time")} (${who})`, ...top].join("\n");
}

/** What freeing the index did. */
export function freeText(r: FreeReport & Pick<IndexReport, "rssBefore">): string {
  const verdict = r.verifyErrors === 0 ? "nothing broken" : `${plural(r.verifyErrors, "invariant")} BROKEN:\n    ${r.verifyFindings.join("\n    ")}`;
  return `
Freed ${plural(r.blocksFreed, "block")} in ${r.freeSeconds.toFixed(2)} s${r.leakedBytes === 0 ? "" : `; ${bytes(r.leakedBytes)} LEAKED`}
  heap         ${bytes(r.bytesInUseAfter)} in use, ${plural(r.objectsAfter, "object")}, ${bytes(r.bytesReleasedAfter)} released
  verifier     ${verdict}
  freeOSMemory ${r.osBackend === "none" ? "gave nothing back: this system or Node has no way to take pages (install koffi)" : `gave back ${bytes(r.bytesReturned)} through ${r.osBackend}`}
  RSS          ${bytes(r.rssBefore)} before, ${bytes(r.rssPeak)} at the peak, ${bytes(r.rssAfter)} now
`;
}

function skipped(r: IndexReport): string {
  return r.skippedFiles === 0 ? "" : `; skipped ${plural(r.skippedFiles, "file")} (not text, too large or unreadable)`;
}
