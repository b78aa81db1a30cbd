/**
 * Counts how this thread waits for locks. Imported before the packages, which keep `Atomics.pause` as they find it.
 *
 * A look at a taken lock is followed by one `Atomics.pause`, so pauses prove that a lock was met taken. A sleep is a call of `Atomics.wait`
 * that is willing to wait; asking whether this thread may sleep is one with a timeout of 0.
 */
interface Waiting {
  pause?: (n?: number) => void;
  wait: (typeof Atomics)["wait"];
}

let looks = 0;
let sleeps = 0;

const atomics = Atomics as unknown as Waiting;
const { pause, wait } = atomics;
atomics.pause = () => {
  looks++;
  pause?.();
};
atomics.wait = ((words: Int32Array, index: number, value: number, timeout?: number) => {
  if (timeout !== 0) sleeps++;
  return wait(words, index, value, timeout);
}) as typeof wait;

/** What this thread has done since it started. */
export function waited(): { looks: number; sleeps: number } {
  return { looks, sleeps };
}
