/**
 * What the demo's heap shows of itself over HTTP while it runs, on loopback unless told otherwise.
 *
 *     /debug/pprof/    the heap profile, as Go's net/http/pprof serves it                 (@mallocgc/pprof-export)
 *     /metrics         the heap's figures and the process's, for Prometheus to scrape     (@mallocgc/metrics, prom-client)
 *     /                what there is, as text
 *
 * Requests for foreign host names are refused, or a web page could read the answers by DNS rebinding.
 */
import { registerPrometheus } from "@mallocgc/metrics/prometheus";
import { guarded, pprofHandler, serveHandler, type PprofServer } from "@mallocgc/pprof-export";
import type { Heap } from "@mallocgc/runtime";
import { profileSource } from "@mallocgc/runtime/pprof";
import { Registry, collectDefaultMetrics } from "prom-client";

/** Where to listen. Port 0: any that is free. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Go's usual port, on loopback. */
export const DEFAULT_ADDRESS: Address = { host: "127.0.0.1", port: 6060 };

/** Serves the heap until it is closed. @throws PprofExportError `ERR_PPROF_LISTEN`, its cause the system's error, when the address is taken or cannot be bound. */
export function serve(heap: Heap, { host, port }: Address): Promise<PprofServer> {
  const pprof = pprofHandler(profileSource(heap), { memStats: () => heap.readMemStats() });
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
  return serveHandler(handler, { host, port });
}
