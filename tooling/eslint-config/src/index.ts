/**
 * The lint rules of the whole project: typescript-eslint's strict, type-checked set, what our style permits on purpose, and the shape
 * of a package (one face, named exports, no reaching into another package).
 */
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

type Config = ReturnType<typeof defineConfig>;

const TESTS = ["**/*.test.ts", "**/testing/**/*.ts"];

/** `root` is the folder of the root tsconfig.json, which covers every source. */
export function eslintConfig(root: string): Config {
  return defineConfig(
    globalIgnores(["**/node_modules/", "**/dist/", "**/coverage/", "**/.turbo/", "**/assembly/", "packages/*/kernel/"]),
    {
      files: ["**/*.ts"],
      extends: [tseslint.configs.strictTypeChecked],
      languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: root } },
      linterOptions: { reportUnusedDisableDirectives: "error" },
      rules: {
        eqeqeq: "error",
        "prefer-const": "error",
        // `mem[i]!` is how a typed array is read under noUncheckedIndexedAccess: the index is in range by the record's layout.
        "@typescript-eslint/no-non-null-assertion": "off",
        "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
        "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
        "@typescript-eslint/no-unnecessary-condition": ["error", { allowConstantLoopConditions: "only-allowed-literals" }],
        "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", ignoreRestSiblings: true }],
        "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
        "no-restricted-imports": [
          "error",
          {
            patterns: [
              // `NAME/face`: what `exports` leads to, for a peer that not everybody has. Deeper is inside.
              { regex: "^@mallocgc/(?!metrics/[a-z-]+$|runtime/pprof$)[^/]+/.", message: "A package has one face: import from '@mallocgc/NAME'." },
              { regex: "^\\.\\.?/(.*/)?(src|dist)/", message: "A relative import stays inside its package: import from '@mallocgc/NAME'." },
            ],
          },
        ],
      },
    },
    {
      files: ["packages/*/src/**/*.ts"],
      rules: {
        "no-restricted-syntax": [
          "error",
          { selector: "TSEnumDeclaration", message: "No enums: constants, or a union of strings." },
          { selector: "ExportDefaultDeclaration, ExportSpecifier[exported.name='default']", message: "No default exports: a thing has one name." },
          { selector: "ExportAllDeclaration", message: "Nothing is exported by accident: name each export." },
        ],
      },
    },
    {
      files: TESTS,
      rules: {
        // A test proves what happens to values that the types forbid.
        "@typescript-eslint/no-unsafe-argument": "off",
        "@typescript-eslint/no-unsafe-assignment": "off",
        // And it names a method in order to watch it, not to call it.
        "@typescript-eslint/unbound-method": "off",
      },
    },
  );
}
