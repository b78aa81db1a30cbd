/** The keys of map-access: as many different words of 3 to 12 letters, in a random order. */
import { xorshift32 } from "./random.ts";

const LETTERS = "abcdefghijklmnopqrstuvwxyz";

export function mapKeys(n: number, seed: number): string[] {
  const next = xorshift32(seed);
  const letters = (count: number): string => {
    let word = "";
    for (let i = 0; i < count; i++) word += LETTERS[(next() >>> 8) % LETTERS.length]!;
    return word;
  };
  const keys = new Set<string>();
  while (keys.size < n) keys.add(letters(3 + ((next() >>> 8) % 10)));
  return [...keys];
}
