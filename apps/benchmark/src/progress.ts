/** The line on stderr that says what is being measured and how long it will still take. */
import { caseLabel } from "./cases.ts";
import type { Job } from "./job.ts";

/** On a terminal one line that rewrites itself; elsewhere one line per case, so that a log stays readable. */
export class Progress {
  private readonly out: NodeJS.WriteStream;
  private readonly began: number = performance.now();
  private lastCase = "";

  constructor(out: NodeJS.WriteStream) {
    this.out = out;
  }

  update(job: Job, done: number, total: number): void {
    const label = caseLabel(job);
    const line = `[${String(done).padStart(String(total).length)}/${total}] ${label}${this.remaining(done, total)}`;
    if (this.out.isTTY) this.out.write(`\r\x1b[K${line} ${job.impl}`);
    else if (label !== this.lastCase) this.out.write(`${line}\n`);
    this.lastCase = label;
  }

  /** Clears the line, so that other output can stand in its place. */
  clear(): void {
    if (this.out.isTTY) this.out.write("\r\x1b[K");
  }

  private remaining(done: number, total: number): string {
    if (done === 0) return "";
    const seconds = Math.round((((performance.now() - this.began) / done) * (total - done)) / 1000);
    return `  ${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, "0")}s left`;
  }
}
