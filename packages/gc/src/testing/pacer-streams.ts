/**
 * Endless streams of numbers, from which the pacer's scenarios are made: each call gives the next value. As in Go's test of its pacer.
 *
 * What JavaScript would not compute bit for bit as Go does (seeded noise, a sine) is recorded from Go and played back.
 */

/** The next value at each call. */
export type Stream = () => number;

/** The same value for ever. */
export function constant(value: number): Stream {
  return () => value;
}

/** From 0 to `height` in `length` equal steps, and there it stays. */
export function ramp(height: number, length: number): Stream {
  let step = 0;
  return () => {
    const value = (height * step) / length;
    if (step < length) step++;
    return value;
  };
}

/** `height` once, then 0. */
export function unit(height: number): Stream {
  let next = height;
  return () => {
    const value = next;
    next = 0;
    return value;
  };
}

/** 0 for `n` steps, then the stream from its beginning. */
export function delay(stream: Stream, n: number): Stream {
  let waited = 0;
  return () => (waited++ < n ? 0 : stream());
}

/** The sum of streams, added from the left. */
export function sum(...streams: readonly Stream[]): Stream {
  return () => {
    let total = 0;
    for (const stream of streams) total += stream();
    return total;
  };
}

/** Recorded values; an error when they run out. */
export function playback(values: readonly number[]): Stream {
  let next = 0;
  return () => {
    const value = values[next++];
    if (value === undefined) throw new Error(`only ${values.length} values were recorded`);
    return value;
  };
}

/** At least `min`. */
export function atLeast(stream: Stream, min: number): Stream {
  return () => Math.max(stream(), min);
}

/** Within 0 and 1. */
export function asShare(stream: Stream): Stream {
  return () => Math.min(Math.max(stream(), 0), 1);
}

/** Cut off, towards 0, to a multiple of `unit`. */
export function quantize(stream: Stream, unit: number): Stream {
  return () => Math.trunc(stream() / unit) * unit;
}
