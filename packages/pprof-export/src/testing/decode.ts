/** A profile read back by pprof-format, with strings and stacks put in place of ids. */
import { Profile } from "pprof-format";

export interface DecodedSample {
  /** Innermost first: `function file:line:column`. */
  readonly stack: readonly string[];
  readonly values: readonly number[];
  readonly labels: Readonly<Record<string, string | number>>;
}

export interface Decoded {
  readonly proto: Profile;
  readonly sampleTypes: readonly string[];
  readonly periodType: string;
  readonly defaultSampleType: string;
  readonly samples: readonly DecodedSample[];
}

export async function decodeProfile(gzipped: Uint8Array<ArrayBuffer>): Promise<Decoded> {
  const stream = new Blob([gzipped]).stream().pipeThrough(new DecompressionStream("gzip"));
  const proto = Profile.decode(new Uint8Array(await new Response(stream).arrayBuffer()));
  const str = (i: number | bigint): string => proto.stringTable.strings[Number(i)]!;
  const functions = new Map(proto.function.map((f) => [Number(f.id), `${str(f.name)} ${str(f.filename)}`]));
  const locations = new Map(proto.location.map((l) => [Number(l.id), l.line.map((line) => `${functions.get(Number(line.functionId))}:${line.line}:${line.column}`).join()]));
  return {
    proto,
    sampleTypes: proto.sampleType.map(({ type, unit }) => `${str(type)}/${str(unit)}`),
    periodType: `${str(proto.periodType!.type)}/${str(proto.periodType!.unit)}`,
    defaultSampleType: str(proto.defaultSampleType),
    samples: proto.sample.map(({ locationId, value, label }) => ({
      stack: locationId.map((id) => locations.get(Number(id))!),
      // Negative figures are read as unsigned.
      values: value.map((v) => Number(BigInt.asIntN(64, BigInt(v)))),
      labels: Object.fromEntries(label.map(({ key, str: text, num }) => [str(key), text === 0 ? Number(num) : str(text)])),
    })),
  };
}
