/** A worker thread: attaches to the heap, opens the index in it, and does what it is asked, one request at a time. */
import { parentPort, workerData } from "node:worker_threads";
import { attachHeap } from "@mallocgc/runtime";
import type { Ledger } from "../index/block-heap.ts";
import { InvertedIndex } from "../index/inverted-index.ts";
import { hashTerm } from "../text/tokenizer.ts";
import { indexFiles } from "./indexer.ts";
import type { Exchanges, Kind, LedgerSums, Reply, Request, WorkerStart } from "./protocol.ts";

const { handle, root, base } = workerData as WorkerStart;
const port = parentPort!;
const heap = attachHeap(handle);
const index = InvertedIndex.open(heap, root);

function serve(request: Request): Exchanges[Kind]["reply"] {
  switch (request.kind) {
    case "index":
      return indexFiles(index, base);
    case "query": {
      const began = performance.now();
      const { term, top } = request.about;
      const answer = index.query(term, term.length, hashTerm(term, term.length), top);
      return { answer, micros: (performance.now() - began) * 1000 };
    }
    case "ledger":
      return sums(index.blocks);
    case "free":
      index.freeShards();
      return sums(index.blocks);
    case "detach":
      heap.detach();
      return null;
  }
}

function sums(blocks: Ledger): LedgerSums {
  return { mallocs: blocks.mallocs, frees: blocks.frees, bytesLive: blocks.bytesLive, sizes: blocks.sizes() };
}

port.on("message", (request: Request) => {
  let reply: Reply;
  try {
    reply = { id: request.id, value: serve(request) };
  } catch (error) {
    reply = { id: request.id, error };
  }
  port.postMessage(reply);
});
port.postMessage({ id: 0, value: null } satisfies Reply);
