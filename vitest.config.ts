export { vitestConfig as default } from "@mallocgc/vitest-config";
