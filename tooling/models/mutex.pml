/*
 * The mutex of packages/sysmem/src/mutex.ts: one word, three states, a futex.
 *
 * Checked: at most one thread is inside (the assertion), and no wake-up is lost: every thread finishes all its rounds, or
 * else spin reports an invalid end state, a thread asleep that nobody will wake. (A thread's owner id is left out: only
 * the holder compares it.) Spinners may take the lock past sleepers, as in the code; sleep has no time limit here, so the
 * slices in the code are not what makes it correct.
 *
 *   spin -a mutex.pml && cc -O2 -DSAFETY -o pan pan.c && ./pan -m100000
 *
 * Sanity: each of these takes one ingredient away, and an error is found at once:
 *   -DFORGETFUL_WAKER   who has slept takes the lock as HELD, not CONTENDED: a second sleeper is forgotten
 *   -DBLIND_WAIT        sleeps without comparing the word: the wake-up came just before
 *   -DPLAIN_UNLOCK      unlock stores FREE without looking whether anybody sleeps
 *   -DSPLIT_LOCK        takes the lock by a load and a store: two are inside
 */
#ifndef THREADS
#define THREADS 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif

#define FREE 0
#define HELD 1
#define CONTENDED 2

byte word = FREE;
bool asleep[THREADS];
byte inside = 0;

/* Atomics.compareExchange: what the word was is left in `seen`. */
inline exchange(from, to) { d_step { seen = word; if :: seen == from -> word = to :: else -> skip fi } }

/* Atomics.wait: compares and falls asleep in one step. */
inline wait(expected) {
#ifdef BLIND_WAIT
  asleep[me] = true;
#else
  d_step { if :: word == expected -> asleep[me] = true :: else -> skip fi }
#endif
  !asleep[me]
}

/* Atomics.notify(…, 1): wakes one sleeper, any. */
inline notify() {
  atomic {
    if
    :: asleep[0] -> asleep[0] = false
    :: asleep[1] -> asleep[1] = false
#if THREADS > 2
    :: asleep[2] -> asleep[2] = false
#endif
#if THREADS > 3
    :: asleep[3] -> asleep[3] = false
#endif
    :: else -> skip
    fi
  }
}

inline sleepUntilTaken() {
  do
  ::
#ifdef FORGETFUL_WAKER
     exchange(FREE, HELD);
#else
     exchange(FREE, CONTENDED);
#endif
     if
     :: seen == FREE -> break
     :: seen == HELD ->
        exchange(HELD, CONTENDED);
        if
        :: seen == HELD -> wait(CONTENDED)
        :: else -> skip               /* it changed meanwhile: look again */
        fi
     :: seen == CONTENDED -> wait(CONTENDED)
     fi
  od
}

inline lock() {
#ifdef SPLIT_LOCK
  seen = word;
  if :: seen == FREE -> word = HELD :: else -> skip fi;
#else
  exchange(FREE, HELD);               /* the fast path, and each look of a spinner */
#endif
  if :: seen == FREE -> skip :: else -> sleepUntilTaken() fi
}

inline unlock() {
#ifdef PLAIN_UNLOCK
  word = FREE
#else
  exchange(HELD, FREE);
  if
  :: seen == HELD -> skip
  :: else ->
     assert(seen == CONTENDED);
     word = FREE;
     notify()
  fi
#endif
}

proctype Thread(byte me) {
  byte seen, round;
  do
  :: round < ROUNDS ->
     lock();
     inside++;
     assert(inside == 1);
     inside--;
     unlock();
     round++
  :: else -> break
  od
}

init {
  byte i;
  atomic {
    for (i : 0 .. THREADS - 1) { run Thread(i) }
  }
}
