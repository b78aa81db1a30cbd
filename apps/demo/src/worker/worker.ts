/** A worker thread: attaches to the heap, finds the index in it, and does what it is asked, one request at a time. */
import { parentPort, workerData } from "node:worker_threads";
import { attachHeap } from "@mallocgc/runtime";
import { InvertedIndex } from "../index/inverted-index.ts";
import { hashTerm } from "../text/tokenizer.ts";
import { Indexer } from "./indexer.ts";
import type { Exchanges, Kind, Reply, Request, WorkerStart } from "./protocol.ts";
import { Questions } from "./questions.ts";

const { handle, base, questions, worker } = workerData as WorkerStart;
const port = parentPort!;
const heap = attachHeap(handle);
const index = new InvertedIndex(heap);
const indexer = new Indexer(heap, index, new Questions(index, questions, worker), base);

function serve(request: Request): Exchanges[Kind]["reply"] {
  switch (request.kind) {
    case "index":
      return indexer.run(request.about.round);
    case "query": {
      const began = performance.now();
      const { term, top } = request.about;
      const answer = index.query(term, hashTerm(term, term.length), top);
      return { answer, micros: (performance.now() - began) * 1000 };
    }
    case "sizes":
      return index.requests.sizes();
    case "detach":
      heap.detach();
      return null;
  }
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
