/** From `node:http` to Request and Response. Nothing of Node is imported but types. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { PprofHandler } from "./handler.ts";
import { textResponse } from "./text-response.ts";

/** A listener for `http.createServer`. When the client goes away, the request's signal aborts. */
export function toNodeListener(handler: PprofHandler): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => void respond(handler, request, response);
}

async function respond(handler: PprofHandler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort());
  const request = toRequest(incoming, gone.signal);
  const response = request === undefined ? textResponse(400, "Bad Request") : await handler(request).catch(() => textResponse(500, "Internal Server Error"));
  const body = new Uint8Array(await response.arrayBuffer());
  if (gone.signal.aborted) return;
  outgoing.writeHead(response.status, [...response.headers].flat());
  outgoing.end(body);
}

/** Undefined for what no URL or Request can be made of. Host and path are put together as they are, so neither may hold what would move the border. */
function toRequest({ method = "GET", url = "", headers, rawHeaders }: IncomingMessage, signal: AbortSignal): Request | undefined {
  const { host = "" } = headers;
  if (!/^[^/\\?#@\s]+$/.test(host) || !url.startsWith("/")) return undefined;
  try {
    const request = new Request(`http://${host}${url}`, { method, signal });
    for (let i = 0; i < rawHeaders.length; i += 2) request.headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
    return request;
  } catch {
    return undefined;
  }
}
