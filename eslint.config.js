import { eslintConfig } from "@mallocgc/eslint-config";

export default eslintConfig(import.meta.dirname);
