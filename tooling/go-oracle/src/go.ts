/** The real Go, where it is installed. No test needs it: what was recorded is in `data/`. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const RECORDER = fileURLToPath(new URL("..", import.meta.url));

/** What `go version` reports (for example `go1.26.8`), or undefined where there is no Go. */
export function goVersion(): string | undefined {
  const { status, stdout } = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8", env: { ...process.env, GOTOOLCHAIN: "local" } });
  return status === 0 ? stdout.trim() : undefined;
}

/** Whether Go is installed here. */
export function goAvailable(): boolean {
  return goVersion() !== undefined;
}

/**
 * Runs the recorder, which writes its files into `folder`.
 *
 * @throws Error with what Go said, when it does not compile, does not run here (386 binaries need an x86 Linux), or when
 * two recordings of the same thing differ.
 */
export function recordWithGo(folder: string): void {
  const env = { ...process.env, GOOS: "linux", GOARCH: "386", CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOFLAGS: "", GOEXPERIMENT: "" };
  const { status, stderr, error } = spawnSync("go", ["run", ".", "-out", folder], { cwd: RECORDER, env, encoding: "utf8" });
  if (error) throw new Error("go could not be started: install Go 1.26 or newer", { cause: error });
  if (status !== 0) throw new Error(`the recorder failed: ${stderr.trim()}`);
}
