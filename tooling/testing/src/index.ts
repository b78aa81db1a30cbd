export { run, time, type Figures } from "./measure.ts";
export { randomFrom } from "./random.ts";
export { readmeExample, runReadmeExample, type ReadmeExample } from "./readme-example.ts";
export { canCheckModels, checkModel, type ModelResult } from "./spin-model.ts";
