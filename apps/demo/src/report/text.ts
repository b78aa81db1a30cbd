/** The report as text, in the order in which the run goes: what was indexed, how the rounds went, what the heap looks like, what was given back. */
import { relative } from "node:path";
import { bytes, count, plural, table } from "./format.ts";
import { memoryChart } from "./memory-chart.ts";
import type { MemorySample } from "./memory-series.ts";
import type { DropReport, GiveBackReport, IndexReport, ProfileReport, QueryLine } from "./report.ts";

/** What was indexed, and the heap that holds it. */
export function indexText(r: IndexReport): string {
  const f = r.fragmentation;
  return `
Indexed ${plural(r.files, "file")} (${bytes(r.bytesRead)}) in ${r.seconds.toFixed(2)} s with ${plural(r.workers, "worker")}${skipped(r)}
  terms        ${count(r.terms)}
  postings     ${count(r.postings)}, of ${count(r.occurrences)} occurrences
  heap         ${bytes(r.bytesInUse)} in use of ${bytes(r.maxBytes)}, ${plural(r.objects, "object")}
  objects      ${count(r.mallocs)} asked for, ${count(r.frees)} collected on the way
  speed        ${r.mbPerSecPerWorker.toFixed(1)} MB/s per worker
  RSS          ${bytes(r.rssBefore)} before, ${bytes(r.rssIndexed)} now

${table(
  ["worker", "files", "text", "MB/s", "mallocs", "answers", "longest stall"],
  r.perWorker.map((w) => [
    String(w.worker),
    count(w.files),
    bytes(w.bytesRead),
    w.mbPerSec.toFixed(1),
    count(w.mallocs),
    count(w.answers),
    micros(w.maxStallUs),
  ]),
)}

${roundsText(r)}

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

/** The functions that hold the most memory; `file`: where the profile went. */
export function profileText({ rate, top }: ProfileReport, file: string): string {
  const figures = table(["in use", "", "objects"], top.map((f) => [bytes(f.bytes), `${f.percent.toFixed(1)} %`, count(f.objects)])).split("\n");
  const wide = Math.max(...top.map((f) => f.function.length), 8);
  const names = ["function", ...top.map((f) => `${f.function.padEnd(wide)}  ${relative(process.cwd(), f.file)}:${f.line}`)];
  return `
Heap profile of the index, a sample every ${bytes(rate)}, for: go tool pprof ${file}
${figures.map((line, i) => `${line}  ${names[i]!}`).join("\n")}
`;
}

/** One answer. */
export function queryText(q: QueryLine): string {
  const who = `worker ${q.worker}, ${q.micros.toFixed(0)} us${q.correct === null ? "" : q.correct ? ", counted: right" : ", counted: WRONG"}`;
  if (q.files === 0) return `${q.term}: in no file (${who})`;
  const top = q.top.map((t) => `  ${count(t.count).padStart(8)}  ${t.file}`);
  return [`${q.term}: in ${plural(q.files, "file")}, ${plural(q.occurrences, "time")} (${who})`, ...top].join("\n");
}

/** What letting the index go did. */
export function dropText(r: DropReport): string {
  return `
Dropped the index; ${plural(r.objectsCollected, "object")} collected in ${r.dropSeconds.toFixed(2)} s${r.objectsAfter === 0 ? "" : `; ${plural(r.objectsAfter, "object")} LEFT`}
`;
}

/** Above the lines of `memoryLine`. */
export const MEMORY_HEAD: string = memoryRow(["seconds", "HeapInuse", "HeapIdle", "HeapReleased", "RSS"]);

/** Memory at one moment. */
export function memoryLine(s: MemorySample): string {
  return memoryRow([s.seconds.toFixed(1), bytes(s.heapInuse), bytes(s.heapIdle), bytes(s.heapReleased), bytes(s.rss)]);
}

/** How the memory went back, and how it was from start to end. */
export function giveBackText(r: GiveBackReport & Pick<IndexReport, "rssBefore"> & Pick<DropReport, "rssPeak">): string {
  const { background } = r;
  const verdict = r.verifyErrors === 0 ? "nothing broken" : `${plural(r.verifyErrors, "invariant")} BROKEN:\n    ${r.verifyFindings.join("\n    ")}`;
  const chart = memoryChart(r.memorySeries);
  return `
Gave memory back
  heap         ${bytes(r.bytesInUseAfter)} in use, ${bytes(r.heapReleased)} released
  verifier     ${verdict}
${r.osBackend === "none" ? "  nothing      this system or Node has no way to take pages (install koffi)" : `  background   ${bytes(background.bytesReturned)} in ${background.seconds.toFixed(1)} s, RSS ${bytes(background.rssBefore)} before, ${bytes(background.rssAfter)} after
  freeOSMemory ${bytes(r.bytesReturned)} more, through ${r.osBackend}`}
  RSS          ${bytes(r.rssBefore)} before, ${bytes(r.rssPeak)} at the peak, ${bytes(r.rssAfter)} now
${chart === "" ? "" : `\nMemory over time\n${chart}\n`}`;
}

function memoryRow(cells: readonly string[]): string {
  return `  ${cells.map((cell, i) => cell.padStart(i === 0 ? 7 : 12)).join("  ")}\n`;
}

/** Each round and each collection, and the most memory against the live index. */
function roundsText(r: IndexReport): string {
  const { memory } = r;
  const answers = r.answers === 0 ? "none asked" : `${count(r.answers)} between files, ${r.wrongAnswers === 0 ? "each right" : `${count(r.wrongAnswers)} WRONG:\n    ${r.wrongFindings.join("\n    ")}`}`;
  return `${table(
    ["round", "seconds", "MB/s", "cycles", "answers", "live index", "peak in use", "peak memory", "to live"],
    r.perRound.map((round) => [
      String(round.round),
      round.seconds.toFixed(2),
      round.mbPerSec.toFixed(1),
      count(round.cycles),
      count(round.answers),
      bytes(round.liveBytes),
      bytes(round.peakBytesInUse),
      bytes(round.peakMemoryBytes),
      round.peakRatio.toFixed(2),
    ]),
  )}

Collections (${plural(r.cycles, "cycle")} at gcPercent ${r.gcPercent}${r.gcCheckMark ? ", each marked twice and compared" : ""})
  memory         ${bytes(memory.peakMemoryBytes)} at the peak, ${memory.peakRatio.toFixed(2)} times the live index (${bytes(memory.liveBytes)})
  answers        ${answers}
  longest stall  ${micros(r.maxStallUs)}, of any operation of any thread

${r.perCycle.map((c) => `  ${c.trace}  (live ${bytes(c.liveBytes)}, goal ${bytes(c.goalBytes)}, longest stall ${micros(c.maxStallUs)})`).join("\n")}`;
}

function micros(us: number): string {
  return us < 1000 ? `${us.toFixed(0)} us` : `${(us / 1000).toFixed(1)} ms`;
}

function skipped(r: IndexReport): string {
  return r.skippedFiles === 0 ? "" : `; skipped ${plural(r.skippedFiles, "file")} (not text, too large or unreadable)`;
}
