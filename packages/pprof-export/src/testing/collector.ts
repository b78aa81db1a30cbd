/** A server that profiles are pushed to, and that does as it is told. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  readonly at: number;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Response;
}

export type Answer = (response: ServerResponse) => void;

export function status(code: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return (response) => response.writeHead(code, headers).end("because");
}

export class Collector implements AsyncDisposable {
  readonly received: Received[] = [];
  /** For the requests to come; when none is left, 200. */
  answers: Answer[] = [];
  maxConcurrent = 0;
  #concurrent = 0;
  #waiting: (() => void)[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  static async start(port = 0): Promise<Collector> {
    const collector = new Collector();
    await new Promise<void>((resolve) => collector.#server.listen(port, "127.0.0.1", resolve));
    return collector;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves when that many requests have arrived since the start. */
  async arrived(count: number): Promise<readonly Received[]> {
    while (this.received.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.received;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.maxConcurrent = Math.max(this.maxConcurrent, ++this.#concurrent);
    response.once("close", () => this.#concurrent--);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { pathname, searchParams } = new URL(request.url!, this.url);
    this.received.push({
      at: performance.now(),
      path: pathname,
      query: Object.fromEntries(searchParams),
      headers: request.headers,
      body: new Response(Buffer.concat(chunks), { headers: { "Content-Type": request.headers["content-type"]! } }),
    });
    (this.answers.shift() ?? status(200))(response);
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
