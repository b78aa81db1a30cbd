/** The prompt: a line in, answers out, until an empty line, Ctrl-C or the end of the input. */
import { createInterface } from "node:readline/promises";

/** Asks for the memory so far. No term begins with a colon. */
export const MEMORY_COMMAND = ":memory";

/** Asks for lines on stdin and prints what `answer` makes of each. */
export async function prompt(answer: (line: string) => Promise<string>): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: "word> " });
  let open = true as boolean;
  lines.on("close", () => {
    open = false;
  });
  process.stdout.write(`\nAsk for a word; ${MEMORY_COMMAND} shows the memory so far; an empty line leaves.\n`);
  lines.prompt();
  // Input from a pipe may have ended, and the interface closed, while its last lines are still to be answered.
  for await (const line of lines) {
    if (line.trim() === "") break;
    process.stdout.write(`${await answer(line)}\n`);
    if (open) lines.prompt();
  }
  lines.close();
}
