import { parentPort } from "node:worker_threads";

const resolved: string = import.meta.resolve("@mallocgc/sysmem");
parentPort?.postMessage(resolved);
