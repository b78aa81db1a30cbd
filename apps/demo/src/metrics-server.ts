/** `/metrics` for Prometheus while the demo runs, on this machine only. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { registerPrometheus, type MetricSource } from "@mallocgc/metrics/prometheus";
import { Registry } from "prom-client";

/** A server of figures. */
export interface MetricsServer {
  readonly url: string;
  close(): void;
}

/** Answers scrapes at a port of the loopback address; 0 is any that is free. It keeps no program from ending. */
export async function serveMetrics(source: MetricSource, port: number): Promise<MetricsServer> {
  const registry = new Registry();
  registerPrometheus(registry, source);
  const server = createServer((request, response) => {
    if (request.url !== "/metrics") {
      response.writeHead(404).end("Figures are at /metrics\n");
      return;
    }
    void registry.metrics().then((text) => response.setHeader("Content-Type", registry.contentType).end(text));
  });
  server.listen(port, "127.0.0.1").unref();
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
