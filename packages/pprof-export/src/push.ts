/**
 * Sends a profile at an interval to a server that collects them.
 *
 *     wait interval ──► take a profile ──► send ──┬─ 2xx ──────────────────► arrived: wait interval
 *          ▲                                      ├─ other 3xx, 4xx ───────► refused: this profile is dropped, wait interval
 *          └───── wait back-off ◄─────────────────┴─ 408, 429, 5xx, no answer in time, no server, or no profile to be had
 *
 * One loop, so never more than one request is under way. Nothing is queued: a retry sends what is true by then. Allocations are counted from the
 * last profile that arrived (or was refused), so an outage loses none; a server that took a profile and did not say so in time counts them twice.
 * Waiting doubles from `backoff.minMs` to `backoff.maxMs` and is drawn from the upper half of that, so that many processes do not come back at
 * once; `Retry-After` is kept where it is longer. An outage is reported when it begins, and not again until a profile has arrived. Timers keep no
 * process alive.
 */
import { allocDelta } from "./delta.ts";
import { PprofExportError } from "./errors.ts";
import { encodeProfile } from "./profile-proto.ts";
import type { ProfileSource } from "./records.ts";
import { sleep } from "./timer.ts";
import { unsampleProfile, type HeapSamples } from "./unsample.ts";

/** A server that profiles are sent to: see {@link pyroscope} and {@link parca}. */
export interface PushTarget {
  /** Where profiles go; named in errors. */
  readonly url: string;
  /** `interval`: `alloc_*` since the last profile, for servers that add up what they are sent. `total`: since the start, as Go's handler gives it. */
  readonly allocations: "interval" | "total";
  /** The request for a gzipped profile.proto of that time. */
  request(profile: Uint8Array<ArrayBuffer>, time: { readonly fromMs: number; readonly untilMs: number }): Request;
}

export interface PushOptions {
  /** Default 15 s. */
  readonly intervalMs?: number;
  /** For a request and its answer. Default 10 s. */
  readonly timeoutMs?: number;
  /** Default 1 s to 2 min. */
  readonly backoff?: { readonly minMs: number; readonly maxMs: number };
  /** Told once in an outage, `ERR_PPROF_PUSH` with what was wrong as its cause. */
  readonly onError: (error: PprofExportError) => void;
}

/**
 * Begins to push. The first profile covers the first interval.
 *
 * @throws PprofExportError `ERR_PPROF_OPTION` for times that are not above 0.
 */
export function startPush(source: ProfileSource, target: PushTarget, options: PushOptions): Pusher {
  return new Pusher(source, target, options);
}

export class Pusher implements AsyncDisposable {
  readonly #source: ProfileSource;
  readonly #target: PushTarget;
  readonly #options: Required<PushOptions>;
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;
  /** What allocations are counted from. */
  #base: HeapSamples | undefined;
  /** Failures since a profile last arrived or was refused. */
  #failures = 0;
  #reported = false;

  constructor(source: ProfileSource, target: PushTarget, options: PushOptions) {
    const { intervalMs = 15_000, timeoutMs = 10_000, backoff = { minMs: 1_000, maxMs: 120_000 }, onError } = options;
    for (const [name, ms] of Object.entries({ intervalMs, timeoutMs, "backoff.minMs": backoff.minMs, "backoff.maxMs": backoff.maxMs })) {
      if (!(ms > 0)) throw new PprofExportError("ERR_PPROF_OPTION", `${name} is ${ms}: milliseconds, above 0`);
    }
    this.#source = source;
    this.#target = target;
    this.#options = { intervalMs, timeoutMs, backoff, onError };
    this.#done = this.#run();
  }

  /** Waits for the request that is under way, sends one last profile, without retries, and ends. Never rejects; takes at most twice `timeoutMs`. */
  stop(): Promise<void> {
    this.#stopping.abort();
    return this.#done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(): Promise<void> {
    const { intervalMs } = this.#options;
    const { signal } = this.#stopping;
    this.#base = await this.#collect().catch(() => undefined);
    let waitMs = intervalMs;
    while (await sleep(waitMs, signal)) waitMs = (await this.#push()) ?? intervalMs;
    await this.#push();
  }

  /** Sends what is true now. Undefined when the server has answered for good, else how long to wait before the next attempt. */
  async #push(): Promise<number | undefined> {
    let profile: HeapSamples;
    let response: Response;
    let text: string;
    try {
      profile = await this.#collect();
      const request = this.#target.request(await encodeProfile(this.#toSend(profile)), { fromMs: this.#base?.timeMs ?? profile.timeMs, untilMs: profile.timeMs });
      // A redirected POST would arrive as a GET.
      response = await fetch(request, { redirect: "manual", signal: AbortSignal.timeout(this.#options.timeoutMs) });
      text = await response.text();
    } catch (cause) {
      this.#report(`no profile arrived at ${this.#target.url}`, cause);
      return this.#backoffMs(0);
    }
    if (response.ok) {
      this.#reported = false;
    } else {
      this.#report(`${this.#target.url} answered ${response.status} ${response.statusText}`, new Error(text.slice(0, 200)));
      if (isTransient(response.status)) return this.#backoffMs(retryAfterMs(response));
    }
    this.#failures = 0;
    this.#base = profile;
    return undefined;
  }

  async #collect(): Promise<HeapSamples> {
    return unsampleProfile(await this.#source.heapProfile());
  }

  /** Without a base, or with one of another rate, nothing is known of the interval's allocations. */
  #toSend(profile: HeapSamples): HeapSamples {
    if (this.#target.allocations === "total") return profile;
    return allocDelta(this.#base?.rate === profile.rate ? this.#base : profile, profile);
  }

  #backoffMs(atLeastMs: number): number {
    const { minMs, maxMs } = this.#options.backoff;
    const full = Math.min(maxMs, minMs * 2 ** this.#failures++);
    return Math.max(atLeastMs, full / 2 + (Math.random() * full) / 2);
  }

  #report(message: string, cause: unknown): void {
    if (this.#reported) return;
    this.#reported = true;
    const error = new PprofExportError("ERR_PPROF_PUSH", `${message}: told once until a profile arrives again`, { cause });
    // What it throws is its own: the loop goes on.
    queueMicrotask(() => this.#options.onError(error));
  }
}

/** The same profile may pass later. */
function isTransient(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/** Seconds, or a date. 0 where there is none that makes sense; at most an hour is believed. */
function retryAfterMs(response: Response): number {
  const text = response.headers.get("Retry-After") ?? "";
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return ms > 0 ? Math.min(ms, 3_600_000) : 0;
}
