import { describe, expect, it } from "vitest";
import { Requests } from "./requests.ts";

describe("the requests of a thread", () => {
  it("are counted by size, small and large ones, in ascending order", () => {
    const requests = new Requests();
    for (const size of [70_000, 16, 4096, 16, 4095, 70_000, 16]) requests.note(size);
    expect(requests.total).toBe(7);
    expect(requests.sizes()).toEqual([[16, 3], [4095, 1], [4096, 1], [70_000, 2]]); // prettier-ignore
  });
});
