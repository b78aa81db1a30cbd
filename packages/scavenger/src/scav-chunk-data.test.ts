import { describe, expect, test } from "vitest";
import { SCAV_CHUNK_HAS_FREE, chunkFormat, flagsOf, inUseOf, lastInUseOf, packChunk, shouldScavenge } from "./scav-chunk-data.ts";

for (const chunkPages of [512, 64]) {
  describe(`a chunk of ${chunkPages} pages`, () => {
    const format = chunkFormat(chunkPages);

    test("keeps what was packed, up to a full chunk and all six flags (Go's TestScavChunkDataPack)", () => {
      for (const [inUse, lastInUse, flags] of [[chunkPages, chunkPages, 0b11], [12, 0, 0], [0, chunkPages, 0b111111], [chunkPages, 0, 1], [0, 0, 0]] as const) {
        const word = packChunk(format, inUse, lastInUse, flags);
        expect([inUseOf(word), lastInUseOf(format, word), flagsOf(format, word) & 0b111111]).toEqual([inUse, lastInUse, flags]);
      }
    });

    test("is dense from 31/32 of its pages on, now or when the generation began, and only the background cares", () => {
      const dense = (chunkPages * 31) / 32;
      expect(format.hiOccPages).toBe(dense);
      const should = (inUse: number, last: number, gen: number, force: boolean, flags = SCAV_CHUNK_HAS_FREE): boolean =>
        shouldScavenge(format, packChunk(format, inUse, last, flags), gen, 7, force);
      expect(should(dense - 1, dense - 1, 7, false)).toBe(true);
      expect(should(dense, 0, 7, false)).toBe(false);
      expect(should(0, dense, 7, false)).toBe(false);
      expect(should(0, dense, 6, false), "not touched in this generation: what is in use now counts").toBe(true);
      expect(should(dense, 0, 6, false)).toBe(false);
      expect(should(dense, dense, 7, true)).toBe(true);
      expect(should(0, 0, 7, false, 0), "nothing to give").toBe(false);
      expect(should(0, 0, 7, true, 0)).toBe(false);
    });
  });
}
