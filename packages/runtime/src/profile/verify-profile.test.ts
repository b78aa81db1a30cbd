import { KIND_PROFILE, Special } from "@mallocgc/gc";
import { MSpan } from "@mallocgc/mspan";
import { expect, test } from "vitest";
import { allSpans } from "../all-spans.ts";
import { TestHeap, type TestP } from "../testing/test-p.ts";
import { verifyHeap } from "../verify.ts";
import { ProfileBucket, ProfileState } from "./profile-record.ts";

const B = ProfileBucket.offset;

/** A heap in which every object is a sample; a sample's special, and a bucket. */
function scene(): { p: TestP; mem: Int32Array; f64: Float64Array; state: number; special: number; bucket: number } {
  const heap = new TestHeap({ memProfileRate: 1, gcPercent: -1 });
  const p = heap.attach();
  expect(heap.handle.type, "which fills in the header").toBe("mallocgc.heap");
  p.collector.turns.turn(() => {
    const first = p.node();
    for (let i = 0; i < 50; i++) p.allocator.malloc(16 << (i % 4), 1);
    p.collector.roots.named.set("root", first);
  });
  const { region, plan } = p.layers;
  const mem = region.i32;
  const specials = [...allSpans(p.layers)].map((s) => mem[s + MSpan.offset.specials]!);
  const special = specials.find((at) => at !== 0 && mem[at + Special.offset.kind] === KIND_PROFILE)!;
  return { p, mem, f64: region.f64, state: plan.at("profile"), special, bucket: mem[special + Special.offset.bucket]! };
}
type Scene = ReturnType<typeof scene>;

const broken = ({ p }: Scene): string => verifyHeap(p.layers, p.collector).broken.map(({ invariant, where }) => `${invariant}: ${where}`).join("\n");

test("a heap in which every object is a sample is whole", () => {
  expect(broken(scene())).toBe("");
});

test.each<[string, RegExp, (s: Scene) => void]>([
  ["the bucket of a sample", /which is no bucket/, ({ mem, special }) => (mem[special + Special.offset.bucket]! += 2)],
  ["the size of a bucket", /its bucket for 8/, ({ mem, bucket }) => (mem[bucket + B.size] = 8)],
  ["a count of objects, too low", /samples on spans, but/, ({ f64, bucket }) => {
    for (let i = 0; i < 16; i++) f64[((bucket + B.counts) >>> 1) + i] = 0;
  }],
  ["more freed than allocated", /more freed, 1000 objects, than allocated/, ({ f64, bucket }) => (f64[((bucket + B.counts) >>> 1) + 1] = 1000)],
  ["bytes that are not those of the objects", /bytes of \d+ objects of \d+/, ({ f64, bucket }) => (f64[((bucket + B.counts) >>> 1) + 2]! += 1)],
  ["a span's word of samples", /does not show/, ({ p, mem, special }) => {
    expect(p.layers.spans.state(mem[special + Special.offset.span]! as never)).toBe(1);
    mem[mem[special + Special.offset.span]! + MSpan.offset.sampled] = 0;
  }],
  ["a list of buckets without end", /leads astray/, ({ mem, bucket }) => (mem[bucket + B.all] = bucket)],
  ["a list of buckets out of the region", /leads astray/, ({ mem, bucket }) => (mem[bucket + B.all] = mem.length - 3)],
  ["memory beyond the bound", /its bound is 1/, ({ mem, state }) => (mem[state + ProfileState.offset.limit] = 1)],
  ["a lock that nobody gives back", /profile lock/, ({ mem, state }) => (mem[state + ProfileState.offset.lock] = 9)],
])("the verifier reports %s", (_, message, corrupt) => {
  const s = scene();
  corrupt(s);
  expect(broken(s)).toMatch(message);
});
