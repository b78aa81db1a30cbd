/**
 * A speedscope file: the four figures as four profiles over one list of frames, bytes in use shown first.
 *
 * By the schema that speedscope publishes (`https://www.speedscope.app/file-format-schema.json`), against which a test holds it.
 */
import { LocationTable } from "./location-table.ts";
import { SAMPLE_TYPES, type HeapSamples } from "./unsample.ts";

export interface SpeedscopeFile {
  readonly $schema: "https://www.speedscope.app/file-format-schema.json";
  readonly name: string;
  readonly exporter: string;
  /** Of the profile that is shown first. */
  readonly activeProfileIndex: number;
  readonly shared: { readonly frames: readonly SpeedscopeFrame[] };
  readonly profiles: readonly SpeedscopeProfile[];
}

/** `line` and `col` are left out where they are not known. */
export interface SpeedscopeFrame {
  readonly name: string;
  readonly file: string;
  readonly line?: number;
  readonly col?: number;
}

export interface SpeedscopeProfile {
  readonly type: "sampled";
  readonly name: string;
  readonly unit: "bytes" | "none";
  readonly startValue: number;
  readonly endValue: number;
  /** Indices of frames, outermost first. */
  readonly samples: readonly (readonly number[])[];
  /** One for each of `samples`. */
  readonly weights: readonly number[];
}

/** The file's content, to be written with `JSON.stringify`. Stacks whose figure is not above 0 are left out: a weight is a width. */
export function speedscopeFile(profile: HeapSamples, name = "heap"): SpeedscopeFile {
  const table = new LocationTable();
  const stacks = profile.samples.map(({ stack }) => table.idsOf(stack).map((id) => id - 1).reverse());
  const profiles = SAMPLE_TYPES.map(({ type, unit }, figure): SpeedscopeProfile => {
    const samples: number[][] = [];
    const weights: number[] = [];
    let endValue = 0;
    profile.samples.forEach(({ values }, i) => {
      const weight = values[figure]!;
      if (weight <= 0) return;
      samples.push(stacks[i]!);
      weights.push(weight);
      endValue += weight;
    });
    return { type: "sampled", name: type, unit: unit === "bytes" ? "bytes" : "none", startValue: 0, endValue, samples, weights };
  });
  return {
    $schema: "https://www.speedscope.app/file-format-schema.json",
    name,
    exporter: "@mallocgc/pprof-export",
    activeProfileIndex: SAMPLE_TYPES.findIndex(({ type }) => type === "inuse_space"),
    shared: {
      frames: table.locations.map(({ function: f, line, column }) => ({
        name: f.name,
        file: f.fileName,
        ...(line > 0 ? { line } : {}),
        ...(column > 0 ? { col: column } : {}),
      })),
    },
    profiles,
  };
}
