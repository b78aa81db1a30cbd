/** The sizes of a recorded sequence, drawn again: `shapes.go`, operand by operand in the same order. */
import { Mulberry32 } from "./prng.ts";
import type { SequenceRecording, SequencesRecording, ShapeName } from "./recording.ts";

type Draw = (r: Mulberry32, edges: readonly number[]) => number;

const DRAW: Readonly<Record<ShapeName, Draw>> = {
  uniform: (r) => r.below(102401),
  small: (r) => r.below(1025),
  tiny: (r) => r.below(17),
  pow2: (r) => (1 << r.below(17)) + r.below(3) - 1,
  large: (r) => 32768 + r.below(69633),
  edges: (r, edges) => edges[r.below(edges.length)]!,
  log: (r) => {
    const k = r.below(16);
    return (1 << k) + r.below(1 << k);
  },
  "scan-log": (r) => {
    const k = r.below(13);
    return 4 * ((1 << k) + r.below(1 << k));
  },
};

/** The requests of `sequence`, in order. */
export function sizesOf(sequence: SequenceRecording, edges: SequencesRecording["edges"]): Int32Array {
  const r = new Mulberry32(sequence.seed);
  const draw = DRAW[sequence.shape];
  return Int32Array.from({ length: sequence.count }, () => draw(r, edges));
}
