/**
 * What the demo's heap shows of itself over HTTP while it runs, on loopback unless told otherwise.
 *
 *     /debug/pprof/    the heap profile, as Go's net/http/pprof serves it                 (@mallocgc/pprof-export)
 *     /metrics         the heap's figures and the process's, for Prometheus to scrape     (@mallocgc/metrics, prom-client)
 *     /                what there is, as text
 *
 * Requests for foreign host names are refused, or a web page could read the answers by DNS rebinding.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { registerPrometheus } from "@mallocgc/metrics/prometheus";
import { guarded, pprofHandler, toNodeListener } from "@mallocgc/pprof-export";
import type { Heap } from "@mallocgc/runtime";
import { Registry, collectDefaultMetrics } from "prom-client";

/** Where to listen. Port 0: any that is free. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Go's usual port, on loopback. */
export const DEFAULT_ADDRESS: Address = { host: "127.0.0.1", port: 6060 };

/** A server that keeps no process alive. */
export interface DemoServer {
  /** `http://127.0.0.1:6060/` */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the heap until it is closed. Rejects with the system's error when the address is taken or cannot be bound. */
export async function serve(heap: Heap, { host, port }: Address): Promise<DemoServer> {
  const pprof = pprofHandler({ heapProfile: () => heap.debug.memProfile(), gc: () => heap.gc() }, { memStats: () => heap.readMemStats() });
  const registry = new Registry();
  registerPrometheus(registry, () => heap.metrics());
  collectDefaultMetrics({ register: registry });
  const handler = guarded(
    async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname.startsWith("/debug/pprof")) return pprof(request);
      if (pathname === "/metrics") return new Response(await registry.metrics(), { headers: { "Content-Type": registry.contentType } });
      if (pathname === "/") return new Response("/debug/pprof/\n/metrics\n");
      return new Response("404 page not found\n", { status: 404 });
    },
    { hosts: [host] },
  );
  const server = createServer(toNodeListener(handler)).unref();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const name = host.includes(":") ? `[${host}]` : host;
  return {
    url: `http://${name}:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => { resolve(); });
        server.closeAllConnections();
      }),
  };
}
