/** The demo from start to end: list, count, index, report, answer, drop, report. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type PprofExportError, type PprofServer, encodeProfile, unsampleProfile } from "@mallocgc/pprof-export";
import { type DemoOptions, UsageError } from "./arguments.ts";
import { asAnswer, countByHand, difference } from "./check.ts";
import { MEMORY_COMMAND, prompt } from "./prompt.ts";
import { bytes, plural } from "./report/format.ts";
import { heapTop } from "./report/heap-top.ts";
import { memoryChart } from "./report/memory-chart.ts";
import type { MemorySample } from "./report/memory-series.ts";
import type { IndexReport, ProfileReport, QueryLine, RunReport } from "./report/report.ts";
import { compactSizes } from "./report/request-sizes.ts";
import { MEMORY_HEAD, dropText, giveBackText, indexText, memoryLine, profileText, queryText } from "./report/text.ts";
import { type Address, serve } from "./serve.ts";
import { Session, TOP_FILES } from "./session.ts";
import { everyFile, listFiles, markdownAndTypeScript } from "./text/files.ts";
import { termsOf } from "./text/tokenizer.ts";
import type { Question } from "./worker/questions.ts";

/** Asked by `--once`, and between files, when no `--query` is given: frequent, seldom and absent words, and one that is not ASCII. */
const FIXED_QUERIES: readonly string[] = ["the", "Promise", "license", "SharedArrayBuffer", "mañana", "qzxjkvwy"];

const PROJECT = join(import.meta.dirname, "../../..");
const DOCS = join(PROJECT, "docs");
const DEFAULT_DIRS: readonly string[] = [join(PROJECT, "node_modules"), DOCS];
const INSTALLED = /[\\/]node_modules[\\/]/;
/** How many functions of the heap profile are printed. */
const TOP_FUNCTIONS = 10;
/** Most sizes in the file that `--record-sizes` writes. */
const MOST_SIZES = 300;

/** The files that a command line asks for, relative to `base` where they lie in it. */
export function filesToIndex(dirs: readonly string[], base: string): string[] {
  if (dirs.length === 0) return listFiles(DEFAULT_DIRS, isDefault, base);
  const files = listFiles(dirs, everyFile, base);
  if (files.length === 0) throw new UsageError(`there are no files under ${dirs.join(", ")}; give a directory with text in it`);
  return files;
}

/**
 * Runs the demo and returns its exit code: 0, or 1 when the heap was too small nothing could be read, or anything was found wrong.
 *
 * @throws UsageError when there is nothing to index; HeapExhaustedError when the heap has no room even for the file names.
 */
export async function run(options: DemoOptions): Promise<number> {
  const base = process.cwd();
  const files = filesToIndex(options.dirs, base);
  process.stderr.write(`${plural(files.length, "file")}, ${plural(options.workers, "worker")}, a shared heap of ${bytes(options.maxBytes)}\n`);

  const words = (options.queries.length > 0 ? options.queries : FIXED_QUERIES).flatMap(termsOf);
  const counted = options.once || options.rounds > 1 ? countByHand(files, base, words) : [];
  const session = await Session.start({ ...options, files, base, questions: counted, checkMark: options.check });
  const server = await serveIfFree(session, options.listen);
  const indexed = await session.indexAll(process.stderr);
  process.stdout.write(indexText(indexed));
  const profile = options.profile === undefined ? null : await writeProfile(session, options.profile);

  const queries: QueryLine[] = [];
  if (indexed.exhausted === null) {
    const asked = options.queries.length > 0 || options.once ? await answerAll(session, words) : [];
    queries.push(...(options.once ? check(asked, files, counted) : asked));
    if (queries.length > 0) process.stdout.write("\n");
    for (const query of queries) process.stdout.write(`${queryText(query)}\n`);
    if (!options.once && options.queries.length === 0) {
      await prompt(async (line) => (await askLine(session, line, queries)).join("\n"));
    }
  } else {
    process.stderr.write(exhaustedText(indexed, files.length));
  }
  if (options.recordSizes !== undefined) {
    writeFileSync(options.recordSizes, `${JSON.stringify(compactSizes(await session.requestedSizes(), MOST_SIZES))}\n`);
  }

  const dropped = await session.drop();
  process.stdout.write(dropText(dropped));
  const givenBack = await session.giveBack(options.watch, showMemory());
  process.stdout.write(giveBackText({ ...indexed, ...dropped, ...givenBack }));
  await server?.close();
  await session.end();
  const report: RunReport = { ...indexed, ...dropped, ...givenBack, queries, profile };
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  return isSound(report) ? 0 : 1;
}

/** An address that is taken is said, and no reason to stop. */
async function serveIfFree(session: Session, address: Address | undefined): Promise<PprofServer | undefined> {
  if (address === undefined) return undefined;
  try {
    const server = await serve(session.heap, address);
    process.stderr.write(`Profile: go tool pprof ${server.url}debug/pprof/heap\nMetrics: ${server.url}metrics\n`);
    return server;
  } catch (error) {
    const { message } = (error as PprofExportError).cause as Error;
    process.stderr.write(`Nothing is served: ${address.host}:${address.port} cannot be listened on (${message}); the demo goes on. Give another with --listen [HOST:]PORT, or --no-listen.\n`);
    return undefined;
  }
}

/** The heap profile as of the last collection, which found the finished index. */
async function writeProfile({ heap }: Session, file: string): Promise<ProfileReport> {
  const samples = unsampleProfile(heap.debug.memProfile());
  writeFileSync(file, await encodeProfile(samples));
  const profile = { rate: samples.rate, top: heapTop(samples, TOP_FUNCTIONS) };
  process.stdout.write(profileText(profile, file));
  return profile;
}

/** Prints the memory of each second, with a head above the first. */
function showMemory(): (sample: MemorySample) => void {
  let head = `\nThe heap's background thread gives memory back\n${MEMORY_HEAD}`;
  return (sample) => {
    process.stdout.write(`${head}${memoryLine(sample)}`);
    head = "";
  };
}

/** Markdown and TypeScript that was installed, or is in docs; not the workspace's own packages, which node_modules links to. */
function isDefault(path: string): boolean {
  return markdownAndTypeScript(path) && (INSTALLED.test(path) || path.startsWith(DOCS));
}

async function answerAll(session: Session, terms: readonly Uint8Array[]): Promise<QueryLine[]> {
  const queries: QueryLine[] = [];
  for (const term of terms) queries.push(await session.ask(term));
  return queries;
}

async function askLine(session: Session, line: string, queries: QueryLine[]): Promise<string[]> {
  if (line.trim() === MEMORY_COMMAND) return [`${MEMORY_HEAD}${memoryLine(session.memory.look())}`, memoryChart(session.memory.samples)];
  const terms = termsOf(line);
  if (terms.length === 0) return ["A term is made of letters, digits and _, at most 64 bytes; there is none in that line."];
  const answers: string[] = [];
  for (const term of terms) {
    const query = await session.ask(term);
    queries.push(query);
    answers.push(queryText(query));
  }
  return answers;
}

function check(queries: readonly QueryLine[], files: readonly string[], counted: readonly Question[]): QueryLine[] {
  const byTerm = new Map(counted.map((question) => [Buffer.from(question.term).toString(), question]));
  return queries.map((query) => {
    const wrong = difference(query, asAnswer(files, byTerm.get(query.term)!, TOP_FILES));
    if (wrong !== undefined) process.stderr.write(`${query.term}: ${wrong}\n`);
    return { ...query, correct: wrong === undefined };
  });
}

function exhaustedText(indexed: IndexReport, files: number): string {
  return `The heap is full: ${indexed.exhausted ?? ""}
${plural(indexed.files, "file")} of ${files} are indexed; what is there is whole, and is dropped now. Give the heap more with --max-bytes (now ${bytes(indexed.maxBytes)}).
`;
}

function isSound(report: RunReport): boolean {
  return (
    report.files > 0 &&
    report.exhausted === null &&
    report.verifyErrors === 0 &&
    report.objectsAfter === 0 &&
    report.wrongAnswers === 0 &&
    report.queries.every((query) => query.correct !== false)
  );
}
