/** The parser has no types of its own. */
declare module "parse-prometheus-text-format" {
  interface Family {
    readonly name: string;
    readonly help: string;
    readonly type: "COUNTER" | "GAUGE" | "HISTOGRAM" | "SUMMARY" | "UNTYPED";
    readonly metrics: readonly { readonly value?: string; readonly buckets?: Readonly<Record<string, string>>; readonly count?: string; readonly sum?: string }[];
  }
  // eslint-disable-next-line no-restricted-syntax -- the parser's one export
  export default function parse(text: string): Family[];
}
