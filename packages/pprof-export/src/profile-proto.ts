/**
 * profile.proto, gzipped: what `go tool pprof`, Pyroscope, Parca, Datadog and speedscope read.
 *
 * As Go writes a heap profile: four sample types, period type `space` in bytes with the sampling rate as period, the size of an object as the
 * numeric label `bytes`; the profile `allocs` differs from `heap` in its default sample type alone. Beyond Go: the label `thread`, and columns.
 *
 * JavaScript has no program counters, so a location has lines and no address, which profile.proto allows. There is one mapping: it says that
 * functions, files and lines are resolved already, or `pprof` would look for a binary to resolve them with.
 */
import { Function as ProtoFunction, Label, Line, Location, Mapping, Profile, Sample, StringTable, ValueType } from "pprof-format";
import { LocationTable } from "./location-table.ts";
import { SAMPLE_TYPES, type HeapSamples } from "./unsample.ts";

/** Go's two names for the profile of a heap. */
export type HeapProfileName = "heap" | "allocs";

const MAPPING_ID = 1;

/** The profile in its published form, gzipped. */
export async function encodeProfile(profile: HeapSamples, name: HeapProfileName = "heap"): Promise<Uint8Array<ArrayBuffer>> {
  const proto = toProto(profile, name);
  const bytes = new Uint8Array(proto.length);
  proto.encode(bytes);
  return gzip(bytes);
}

function toProto(profile: HeapSamples, name: HeapProfileName): Profile {
  const stringTable = new StringTable();
  const str = (text: string): number => stringTable.dedup(text);
  const table = new LocationTable();
  const bytesKey = str("bytes");
  const threadKey = str("thread");

  const sample = profile.samples.map(({ stack, values, blockSize, thread }) => {
    const label: Label[] = [];
    if (blockSize !== 0) label.push(new Label({ key: bytesKey, num: blockSize }));
    if (thread !== undefined) label.push(new Label({ key: threadKey, str: str(thread) }));
    return new Sample({ locationId: table.idsOf(stack), value: [...values], label });
  });

  return new Profile({
    stringTable,
    sampleType: SAMPLE_TYPES.map(({ type, unit }) => new ValueType({ type: str(type), unit: str(unit) })),
    ...(name === "allocs" ? { defaultSampleType: str("alloc_space") } : {}),
    sample,
    mapping: [new Mapping({ id: MAPPING_ID, hasFunctions: true, hasFilenames: true, hasLineNumbers: true })],
    location: table.locations.map((l) => new Location({ id: l.id, mappingId: MAPPING_ID, line: [new Line({ functionId: l.function.id, line: l.line, column: l.column })] })),
    function: table.functions.map((f) => new ProtoFunction({ id: f.id, name: str(f.name), systemName: str(f.name), filename: str(f.fileName) })),
    timeNanos: nanos(profile.timeMs),
    durationNanos: nanos(profile.durationMs ?? 0),
    periodType: new ValueType({ type: str("space"), unit: str("bytes") }),
    period: Math.trunc(profile.rate),
  });
}

/** Today in nanoseconds is beyond 2^53. */
function nanos(ms: number): bigint {
  return BigInt(Math.trunc(ms * 1000)) * 1000n;
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
