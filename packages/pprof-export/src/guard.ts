/**
 * Who may ask: requests to a host name that is not ours, and requests without the token, are refused.
 *
 * A server on loopback is not out of reach of web pages: a page's own name can be made to resolve to 127.0.0.1 (DNS rebinding), and the
 * browser then sends the page's requests here and shows it the answers. Such a request names the page's host, and that is how it is known.
 */
import { PprofExportError } from "./errors.ts";
import type { PprofHandler } from "./handler.ts";
import { textResponse } from "./text-response.ts";

export interface GuardOptions {
  /** Host names, without port, that requests may be for, besides loopback's: `localhost`, `127.0.0.0/8`, `::1`. */
  readonly hosts?: readonly string[];
  /** When given, requests carry `Authorization: Bearer TOKEN`. */
  readonly token?: string;
}

/**
 * The handler behind the guard: 403 for a foreign host, 401 for a missing or wrong token.
 *
 * @throws PprofExportError `ERR_PPROF_OPTION` for an empty token, or one that a header cannot carry.
 */
export function guarded(handler: PprofHandler, options: GuardOptions = {}): PprofHandler {
  const { hosts = [], token } = options;
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new PprofExportError("ERR_PPROF_OPTION", "token is empty or has characters that no header carries: give it printable ASCII, or leave it out for none");
  }
  const names = new Set(hosts.map((host) => host.toLowerCase()));
  const digest = token === undefined ? undefined : sha256(token);

  return async (request) => {
    const { hostname } = new URL(request.url);
    if (!isLoopback(hostname) && !names.has(hostname) && !names.has(hostname.replace(/^\[|\]$/g, ""))) {
      return textResponse(403, "the request is for another host: a server that is reached by further names is given them as `hosts`");
    }
    if (digest !== undefined) {
      const given = /^Bearer +(\S+)$/i.exec(request.headers.get("Authorization") ?? "")?.[1];
      if (given === undefined) return textResponse(401, "a token is needed", { "WWW-Authenticate": 'Bearer realm="pprof"' });
      if (!equal(await sha256(given), await digest)) return textResponse(401, "the token is wrong", { "WWW-Authenticate": 'Bearer realm="pprof", error="invalid_token"' });
    }
    return handler(request);
  };
}

/** URL has brought addresses to one form: `127.1` and `0x7f000001` are `127.0.0.1` here. */
function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

/** In a time that depends on neither: all bytes are looked at, and digests are of one length. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  let different = 0;
  for (let i = 0; i < a.length; i++) different |= a[i]! ^ b[i]!;
  return different === 0;
}
