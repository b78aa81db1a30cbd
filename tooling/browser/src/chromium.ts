/**
 * A Chromium to test with.
 *
 * On Linux x64 it comes with the package `@sparticuz/chromium`, unpacked once into the project's cache; elsewhere it is the Chrome that is
 * installed, if there is one. Launched with arguments of our own: those that the package proposes switch cross-origin isolation off.
 *
 * Having none is an answer, with its reason, and the tests are skipped. Not on CI under Linux x64: there a Chromium that is installed and
 * does not start is a failure, so that the tests cannot stop running unnoticed.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, type LaunchOptions, chromium as playwright } from "playwright-core";

export interface NoChromium {
  readonly reason: string;
  /** Whether it has to be there, on this machine. */
  readonly isFailure: boolean;
}

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
];

const CACHE = fileURLToPath(new URL("../../../node_modules/.cache/chromium", import.meta.url));
const PACKAGED = process.platform === "linux" && process.arch === "x64";

/** Starts it. Close the browser when done. */
export async function startChromium(): Promise<Browser | NoChromium> {
  let entry: string;
  try {
    if (!PACKAGED) return await launch({ channel: "chrome" });
    entry = createRequire(import.meta.url).resolve("@sparticuz/chromium");
  } catch (error) {
    return { reason: reasonOf(error), isFailure: false };
  }
  try {
    return await launchUnpacked(await unpack(dirname(dirname(entry))));
  } catch (error) {
    return { reason: reasonOf(error), isFailure: process.env["CI"] === "true" };
  }
}

/** One line: what the browser said first, or else what Playwright says. */
function reasonOf(error: unknown): string {
  const { message } = error as Error;
  return /\[err\] (.+)/.exec(message)?.[1] ?? message.split("\n", 1)[0]!;
}

function launch(options: LaunchOptions): Promise<Browser> {
  return playwright.launch({ ...options, headless: true, args: ARGS });
}

async function launchUnpacked(folder: string): Promise<Browser> {
  const executablePath = join(folder, "chromium");
  try {
    return await launch({ executablePath });
  } catch (error) {
    if (!(error as Error).message.includes("error while loading shared libraries")) throw error;
    // A bare machine has no NSS; the package brings one along.
    return await launch({ executablePath, env: { ...process.env, LD_LIBRARY_PATH: join(folder, "al2023", "lib") } });
  }
}

/** The folder with `chromium` and its libraries in it. The package unpacks into the temporary folder, so that is what ours is made to be. */
async function unpack(installed: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(installed, "package.json"), "utf8")) as { version: string };
  const folder = join(CACHE, version);
  if (existsSync(folder)) return folder;

  const { inflate } = await import("@sparticuz/chromium");
  // Under another name until it is whole: an interrupted run must not leave half a browser behind.
  const partial = `${folder}.${process.pid}`;
  await mkdir(partial, { recursive: true });
  const { TMPDIR } = process.env;
  process.env["TMPDIR"] = partial;
  try {
    await Promise.all(["chromium.br", "al2023.tar.br"].map((archive) => inflate(join(installed, "bin", archive))));
    await rename(partial, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error; // else another run was faster
    });
  } finally {
    if (TMPDIR === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = TMPDIR;
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}
