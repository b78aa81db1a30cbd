/** The command: `demo [DIR ...] [options]`. See `--help`. */
import { USAGE, UsageError, parseArguments } from "./arguments.ts";
import { bytes } from "./report/format.ts";
import { run } from "./run.ts";
import { isHeapExhausted } from "./worker/indexer.ts";

async function main(args: readonly string[]): Promise<number> {
  let maxBytes = 0;
  try {
    const options = parseArguments(args);
    if (options.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    maxBytes = options.maxBytes;
    return await run(options);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`demo: ${error.message}\nTry --help.\n`);
      return 2;
    }
    if (isHeapExhausted(error)) {
      process.stderr.write(`demo: ${error.message}\nNothing was indexed. Give the heap more with --max-bytes (now ${bytes(maxBytes)}).\n`);
      return 1;
    }
    if ((error as { code?: unknown }).code === "ERR_REGION_RESERVE") {
      process.stderr.write(`demo: ${(error as Error).message}\nGive the heap less with --max-bytes (now ${bytes(maxBytes)}).\n`);
      return 1;
    }
    throw error;
  }
}

// The exit code is set, not forced: what is still on its way to stdout gets there.
process.exitCode = await main(process.argv.slice(2));
