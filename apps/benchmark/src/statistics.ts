/** The few statistics that the report needs. */

/** The middle value, or the mean of the two middle ones; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return sorted.length === 0 ? Number.NaN : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * The median of the ratios `ours / peer` of each round. Samples of a round ran one after the other, so what disturbs the machine
 * for longer than a sample cancels out, which the ratio of two medians would not promise.
 */
export function roundRatio(ours: readonly number[], peer: readonly number[]): number {
  const rounds = Math.min(ours.length, peer.length);
  return median(Array.from({ length: rounds }, (_, i) => ours[i]! / peer[i]!));
}

/** The ratio of the best samples. Other programs can only add time, so on a busy machine this is the steadier figure. */
export function bestRatio(ours: readonly number[], peer: readonly number[]): number {
  return Math.min(...ours) / Math.min(...peer);
}
