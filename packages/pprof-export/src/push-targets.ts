/**
 * The two forms in which profiles are pushed today.
 *
 * Pyroscope (`POST /ingest`, its documented HTTP API): a form with the profile and the meaning of its sample types, as files; name, labels and time in
 * the query. The form alone says that it is pprof: with `format=pprof` beside it, the server takes the whole body for a profile. It adds up what it
 * is sent, so it gets the allocations of the interval.
 *
 * Parca (`ProfileStoreService.WriteRaw` of its published protocol, as JSON over its gateway, which is mounted at `/api`): labels and profile,
 * base64. It wants what it would scrape from Go: allocations since the start.
 */
import { PprofExportError } from "./errors.ts";
import type { PushTarget } from "./push.ts";

export interface PushTargetOptions {
  /** The server's address, such as `http://localhost:4040`; a path in it comes before the target's own. */
  readonly url: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Further headers: `Authorization`, or `X-Scope-OrgID` for a tenant. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface PyroscopeOptions extends PushTargetOptions {
  /** The application's name. */
  readonly name: string;
}

const SAMPLE_TYPE_CONFIG = JSON.stringify({
  alloc_objects: { units: "objects", aggregation: "sum", "display-name": "alloc_objects", sampled: false },
  alloc_space: { units: "bytes", aggregation: "sum", "display-name": "alloc_space", sampled: false },
  inuse_objects: { units: "objects", aggregation: "average", "display-name": "inuse_objects", sampled: false },
  inuse_space: { units: "bytes", aggregation: "average", "display-name": "inuse_space", sampled: false },
});

/**
 * Grafana Pyroscope, or Alloy's `pyroscope.receive_http`.
 *
 * @throws PprofExportError `ERR_PPROF_OPTION` for a URL, name or label that the form cannot carry.
 */
export function pyroscope(options: PyroscopeOptions): PushTarget {
  const { name, labels = {}, headers = {} } = options;
  const url = endpoint(options.url, "ingest");
  checkLabels(labels);
  for (const text of [name, ...Object.values(labels)]) {
    if (text === "" || /[{},=]/.test(text)) throw wrong(`"${text}" is no name or label value for Pyroscope: neither empty nor with any of { } , =`);
  }
  const labelled = `${name}{${Object.entries(labels).map(([label, value]) => `${label}=${value}`).join()}}`;
  return {
    url: url.href,
    allocations: "interval",
    request(profile, { fromMs, untilMs }) {
      const to = new URL(url);
      to.search = new URLSearchParams({ name: labelled, from: seconds(fromMs), until: seconds(untilMs), spyName: "mallocgc" }).toString();
      const body = new FormData();
      body.set("profile", new Blob([profile]), "profile.pprof");
      body.set("sample_type_config", new Blob([SAMPLE_TYPE_CONFIG], { type: "application/json" }), "sample_type_config.json");
      return new Request(to, { method: "POST", headers, body });
    },
  };
}

/**
 * Parca.
 *
 * @throws PprofExportError `ERR_PPROF_OPTION` for a URL or label that cannot be.
 */
export function parca(options: PushTargetOptions): PushTarget {
  const { labels = {}, headers = {} } = options;
  const url = endpoint(options.url, "api/profiles/writeraw").href;
  checkLabels(labels);
  // What Parca calls a profile of memory that it scraped.
  const set = Object.entries({ __name__: "memory", ...labels }).map(([name, value]) => ({ name, value }));
  return {
    url,
    allocations: "total",
    request(profile) {
      const body = JSON.stringify({ series: [{ labels: { labels: set }, samples: [{ rawProfile: base64(profile) }] }], normalized: true });
      return new Request(url, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body });
    },
  };
}

function endpoint(base: string, path: string): URL {
  if (!URL.canParse(base)) throw wrong(`url is "${base}": give the server's address, such as http://localhost:4040`);
  const url = new URL(base);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw wrong(`url is "${base}": give an address that begins with http:// or https://`);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/${path}`;
  return url;
}

function checkLabels(labels: Readonly<Record<string, string>>): void {
  for (const label of Object.keys(labels)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(label)) throw wrong(`"${label}" is no name of a label: letters, digits and _, not a digit first`);
  }
}

function seconds(ms: number): string {
  return `${Math.floor(ms / 1000)}`;
}

function base64(bytes: Uint8Array): string {
  let text = "";
  // Arguments of one call are bounded.
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

function wrong(message: string): PprofExportError {
  return new PprofExportError("ERR_PPROF_OPTION", message);
}
