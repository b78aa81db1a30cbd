/** The longest time that a timer of the engine holds: beyond it, it would fire at once. 24 days are for ever here. */
const MAX_MS = 2 ** 31 - 1;

/** Whether the time passed before `signal` aborted. Keeps no process alive. */
export function sleep(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(false);
      return;
    }
    const stop = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve(true);
    }, Math.min(ms, MAX_MS));
    signal.addEventListener("abort", stop, { once: true });
    (timer as { readonly unref?: () => void }).unref?.();
  });
}
