/**
 * How every test of the project runs.
 *
 * Tests run from the TypeScript sources: the condition `dev` in each package's `exports` leads to `src/index.ts`. The condition has to
 * be given three times, because three resolvers are at work: Vite's for the browser graph, Vite's for the server graph, and Node's own,
 * which loads what a test starts itself (a worker thread, a child process with our `execArgv`).
 *
 * Two kinds of test, told apart by the file's name:
 *  - `x.test.ts`: one thread, seconds at most, many files at once;
 *  - `x.threads.test.ts`: starts real workers, so no two such files may run at once, or they would measure each other.
 */
import type { TestProjectInlineConfiguration, ViteUserConfig } from "vitest/config";

const DEV_CONDITION = "dev";
const CONDITIONS = [DEV_CONDITION, "module", "node", "import", "default"];

const WORKSPACES = "{packages,apps,tooling}/*/src/**";
const UNIT_TESTS = `${WORKSPACES}/*.test.ts`;
const THREAD_TESTS = `${WORKSPACES}/*.threads.test.ts`;

const unit: TestProjectInlineConfiguration = {
  extends: true,
  test: {
    name: "unit",
    include: [UNIT_TESTS],
    exclude: ["**/node_modules/**", "**/dist/**", THREAD_TESTS],
    testTimeout: 30_000,
  },
};

const threads: TestProjectInlineConfiguration = {
  extends: true,
  test: {
    name: "threads",
    include: [THREAD_TESTS],
    exclude: ["**/node_modules/**", "**/dist/**"],
    fileParallelism: false,
    testTimeout: 120_000,
    // After the unit tests, not beside them.
    sequence: { groupOrder: 1 },
  },
};

export const vitestConfig: ViteUserConfig = {
  resolve: { conditions: CONDITIONS },
  ssr: { resolve: { conditions: CONDITIONS } },
  test: {
    pool: "forks",
    execArgv: [`--conditions=${DEV_CONDITION}`],
    projects: [unit, threads],
  },
};
