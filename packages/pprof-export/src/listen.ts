/** A profile server for Node, Deno and Bun (`node:http`): on loopback, at Go's usual port, behind the guard. */
import type { AddressInfo } from "node:net";
import { PprofExportError } from "./errors.ts";
import { guarded, type GuardOptions } from "./guard.ts";
import { pprofHandler, type PprofHandler, type PprofHandlerOptions } from "./handler.ts";
import { toNodeListener } from "./node-listener.ts";
import type { ProfileSource } from "./records.ts";

export interface ListenOptions extends PprofHandlerOptions, GuardOptions {
  /** 0 for any that is free. */
  readonly port?: number;
  /** Address to bind to; requests may name it too. Whoever reaches it reads stacks and figures: give a token with it. */
  readonly host?: string;
}

export interface PprofServer extends AsyncDisposable {
  /** Where the pages are: `http://127.0.0.1:6060/debug/pprof/`; of `serveHandler`, where the server is: `http://127.0.0.1:6060/`. */
  readonly url: string;
  readonly port: number;
  /** Ends requests that wait (`seconds=N`) as well. */
  close(): Promise<void>;
}

/**
 * Serves the source's profiles. The server keeps no process alive.
 *
 * @throws PprofExportError `ERR_PPROF_LISTEN` when the address is taken or cannot be bound, `ERR_PPROF_OPTION` for a port or token that cannot be.
 */
export async function listen(source: ProfileSource, options: ListenOptions = {}): Promise<PprofServer> {
  const { port = 6060, host = "127.0.0.1", hosts = [], token } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new PprofExportError("ERR_PPROF_OPTION", `port is ${port}: 0 to 65535`);
  const handler = guarded(pprofHandler(source, options), { hosts: [...hosts, host], ...(token === undefined ? {} : { token }) });
  const server = await serveHandler(handler, { port, host });
  return { ...server, url: `${server.url}debug/pprof/` };
}

/**
 * Serves a handler of your own, which checks nobody unless it is `guarded`: for the profiles and other pages at one address. The server keeps no process alive.
 *
 * @throws PprofExportError `ERR_PPROF_LISTEN` when the address is taken or cannot be bound.
 */
export async function serveHandler(handler: PprofHandler, { port, host }: { readonly port: number; readonly host: string }): Promise<PprofServer> {
  const { createServer } = await import("node:http");
  const server = createServer(toNodeListener(handler)).on("connection", (socket) => socket.unref()).unref();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      reject(new PprofExportError("ERR_PPROF_LISTEN", `${host}:${port} cannot be listened on (${cause.message}): choose another port, or 0 for any`, { cause }));
    });
    server.listen(port, host, resolve);
  });

  const bound = (server.address() as AddressInfo).port;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}/`, port: bound, close, [Symbol.asyncDispose]: close };
}
