/*
 * Explicit free from any thread: packages/mspan/src/freed-bits.ts and the moves between sets in packages/mcentral/src/central.ts.
 *
 * Each thread allocates from a span that it holds, frees blocks that any thread allocated, and gives its span back, in every order;
 * when it needs a span it takes one off the partial set, or makes a new one of a free record, of either of two classes.
 * A span has 2 slots, each in a word of its own, so that what the code does word by word is done slot by slot here. Every read and
 * write of a word that another thread may touch is a step of its own; an Atomics operation is one step.
 *
 * Checked, when the program frees each block once:
 *   no slot is handed out while it is live, or while its freed bit is set;
 *   no free is refused;
 *   a span is given back only in use, without a live slot, and while no thread has still to count a free in it;
 *   at the end every span in use has a live slot, is on the set its state says, with less than the threshold freed if that is the
 *   full set, and count and freed bits agree: so every empty span was given back, and every full one past the threshold is listed.
 *
 * And with -DDOUBLE, when a block may be freed by several threads at any distance of time:
 *   at most one of the frees of a block succeeds, and one is refused only if another succeeds;
 *   all of the above, as long as no stale free meets the next block in the slot, or the next span in the record. (Nothing can tell
 *   it from a free of that one, so the search does not go on there.)
 *
 * With -DRECLAIM -DTHRESHOLD=2 some thread sets the threshold to 1 at some moment, as when the heap is exhausted.
 *
 * The steps are sequentially consistent; what weaker memory needs is said at each Atomics call of the code. Complete without an error: 2 threads x 5
 * operations (104 M states); 3 x 2 (26 M); 2 x 3 with 2 records (7 M); 2 x 4 with -DDOUBLE (21 M) and with -DRECLAIM (22 M).
 *
 *   spin -a free.pml && cc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m100000
 *
 * Each of these takes one ingredient away, or does it the wrong way, and an error is found:
 *   -DBLIND_TAKE_BACK     a slot not handed out in the second check is taken for a double free, whatever merged meanwhile
 *   -DRELEASE_UNCHECKED   release does not compare the count with allocCount
 *   -DRELEASE_BY_BITS     a span counts as empty when all bits say so, though a thread has still to count
 *   -DSTALE_WAITING       who gives back a full span past the threshold does not look at the count again after listing it
 *   -DCOUNT_FIRST         a free counts before it sets its bit
 *   -DTHRESHOLD=2 -DRECLAIM -DEXACT_THRESHOLD   only the free that makes the count equal to the threshold lists the span
 *   -DDOUBLE -DNO_SECOND_CHECK   no check after the bit is set
 *   -DDOUBLE -DCLEAR_FIRST       merge clears the freed bits before it writes allocBits
 *   -DDOUBLE -DCLEAR_ALL         merge clears every freed bit of a slot not handed out, also one set in error
 */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef OPS
#define OPS 4
#endif
#ifndef RECORDS
#define RECORDS 1
#endif
#ifndef THRESHOLD
#define THRESHOLD 1
#endif
#define SLOTS 2

#ifdef RECLAIM
byte threshold = THRESHOLD;
#define NOW threshold
#define LIMIT limit
#else
#define NOW THRESHOLD
#define LIMIT THRESHOLD
#endif

#define HELD 1
#define FULL 2
#define LISTED 3

/* The freed word. */
byte state[RECORDS];
short count[RECORDS];
byte merges[RECORDS];

bool freedBit[RECORDS * SLOTS];
bool allocBit[RECORDS * SLOTS];
byte freeIndex[RECORDS];
byte allocCount[RECORDS];
byte class[RECORDS];
byte onSet[RECORDS];            /* 0, FULL or LISTED: on that set of its class */
bool inUse[RECORDS];
bool locked[2];                 /* a central's lock, by class */

/* What the program knows, and what the code must not look at. */
#define DEAD 0
#define LIVE 1
#define GIVEN_UP 2              /* free was called, the bit is not yet set */
byte life[RECORDS * SLOTS];
byte owing[RECORDS];            /* threads that have set a bit and not counted it */
byte finished = 0;
#ifdef DOUBLE
byte epoch[RECORDS * SLOTS];    /* how often the slot was handed out */
bool freedOnce[RECORDS * SLOTS];
byte trying[RECORDS * SLOTS];   /* frees at work on this epoch */
bool beyond = false;            /* a stale free has met another block */
#define GO !beyond
#else
#define GO true
#endif

#define at(r, i) ((r) * SLOTS + (i))

inline lock(c) { atomic { GO && !locked[c] -> locked[c] = true } }
inline unlock(c) { locked[c] = false }

/* Atomics.add on the freed word: the new count is left in `seen`. */
inline setState(r, to) { d_step { state[r] = to; seen = count[r] } }

inline release(r) {
  d_step {
    assert(inUse[r]);
#ifdef DOUBLE
    beyond = beyond || trying[at(r, 0)] > 0 || trying[at(r, 1)] > 0;
    assert(beyond || (life[at(r, 0)] == DEAD && life[at(r, 1)] == DEAD && owing[r] == 0));
#else
    assert(life[at(r, 0)] == DEAD && life[at(r, 1)] == DEAD);
    assert(owing[r] == 0);
#endif
    assert(onSet[r] == 0);
    inUse[r] = false
  }
}

#ifdef RELEASE_BY_BITS
#define EMPTY(r) (bitsDead(r, 0) && bitsDead(r, 1))
#define bitsDead(r, i) (freedBit[at(r, i)] || !(i < freeIndex[r] || allocBit[at(r, i)]))
#else
#define EMPTY(r) (seen == allocCount[r])
#endif

#ifdef RELEASE_UNCHECKED
#define STILL_EMPTY(r) true
#else
#define STILL_EMPTY(r) EMPTY(r)
#endif

/* Holder only: nobody else writes freeIndex and allocBit, so reading them here is no step. */
inline merge(r) {
  d_step { merged = 0; dead[0] = false; dead[1] = false; i = 0 };
  do
  :: i < SLOTS ->
     d_step { dead[i] = freedBit[at(r, i)] && (i < freeIndex[r] || allocBit[at(r, i)]); merged = merged + dead[i]; i++ }
  :: else -> break
  od;
  i = 0;
  d_step {
    allocCount[r] = (0 < freeIndex[r] || allocBit[at(r, 0)]) + (1 < freeIndex[r] || allocBit[at(r, 1)]) - merged
  };
  if
  :: merged == 0
  :: else ->
     merges[r] = (merges[r] + 1) % 8;
#ifdef CLEAR_FIRST
     clear(r);
#endif
     do
     :: i < SLOTS -> d_step { allocBit[at(r, i)] = (i < freeIndex[r] || allocBit[at(r, i)]) && !dead[i]; i++ }
     :: else -> i = 0; break
     od;
     freeIndex[r] = 0;
#ifndef CLEAR_FIRST
     clear(r);
#endif
     d_step { merges[r] = (merges[r] + 1) % 8; count[r] = count[r] - merged }
  fi
}

inline clear(r) {
  do
#ifdef CLEAR_ALL
  :: i < SLOTS -> d_step { freedBit[at(r, i)] = freedBit[at(r, i)] && allocBit[at(r, i)]; i++ }
#else
  :: i < SLOTS -> d_step { freedBit[at(r, i)] = freedBit[at(r, i)] && !dead[i]; i++ }
#endif
  :: else -> break
  od;
  i = 0
}

inline uncacheSpan(r) {
  if
  :: freeIndex[r] == SLOTS && count[r] < NOW -> allocCount[r] = SLOTS
  :: else -> merge(r)
  fi;
  lock(class[r]);
  if
  :: allocCount[r] == SLOTS ->
     setState(r, FULL);
     if
     :: seen >= NOW ->
#ifdef STALE_WAITING
        state[r] = LISTED
#else
        setState(r, LISTED)
#endif
     :: else
     fi
  :: else -> setState(r, LISTED)
  fi;
  if
  :: EMPTY(r) -> state[r] = HELD; unlock(class[r]); release(r)
  :: else -> onSet[r] = state[r]; unlock(class[r])
  fi
}

/* A span for the caller to hold, in `mine`, or NONE. */
#define NONE 255
inline cacheSpan() {
  if
  :: c = 0
  :: c = 1
  fi;
  d_step { mine = NONE };
  lock(c);
  d_step {
    i = 0;
    do
    :: i < RECORDS && !(onSet[i] == LISTED && class[i] == c) -> i++
    :: else -> break
    od;
    if
    :: i < RECORDS -> mine = i; onSet[mine] = 0; state[mine] = HELD
    :: else
    fi;
    i = 0
  };
  unlock(c);
  if
  :: mine != NONE ->
     merge(mine);
     if
     :: allocCount[mine] == SLOTS -> uncacheSpan(mine); mine = NONE
     :: else
     fi
  :: else ->
     d_step {
       i = 0;
       do
       :: i < RECORDS && inUse[i] -> i++
       :: else -> break
       od;
       if
       :: i < RECORDS ->
          mine = i;
          inUse[mine] = true; class[mine] = c; state[mine] = HELD; count[mine] = 0; merges[mine] = 0;
          freeIndex[mine] = 0; allocCount[mine] = 0; onSet[mine] = 0;
          freedBit[at(mine, 0)] = false; freedBit[at(mine, 1)] = false;
          allocBit[at(mine, 0)] = false; allocBit[at(mine, 1)] = false
       :: else
       fi;
       i = 0
     }
  fi
}

/* The fast path, and refill. */
inline alloc() {
  if
  :: mine == NONE -> cacheSpan()
  :: else
  fi;
  if
  :: mine != NONE ->
     d_step {
       i = freeIndex[mine];
       do
       :: i < SLOTS && allocBit[at(mine, i)] -> i++
       :: else -> break
       od;
       if
       :: i < SLOTS ->
          freeIndex[mine] = i + 1;
#ifdef DOUBLE
          beyond = beyond || freedBit[at(mine, i)] || trying[at(mine, i)] > 0;
          assert(beyond || life[at(mine, i)] == DEAD);
          epoch[at(mine, i)] = (epoch[at(mine, i)] + 1) % 8;
          freedOnce[at(mine, i)] = false;
#else
          assert(life[at(mine, i)] == DEAD);
          assert(!freedBit[at(mine, i)]);
#endif
          life[at(mine, i)] = LIVE;
          spent = false
       :: else -> freeIndex[mine] = SLOTS; spent = true
       fi;
       i = 0
     };
     if
     :: spent ->
        if
        :: count[mine] >= NOW -> merge(mine)
        :: else -> uncacheSpan(mine); mine = NONE
        fi
     :: else
     fi
  :: else
  fi
}

inline list(r) {
  c = class[r];
  lock(c);
  if
  :: onSet[r] == FULL && class[r] == c ->
     onSet[r] = LISTED;
     setState(r, LISTED);
     if
     :: EMPTY(r) -> onSet[r] = 0; state[r] = HELD; unlock(c); release(r)
     :: else -> unlock(c)
     fi
  :: else -> unlock(c)
  fi
}

inline releaseOwed(r) {
  c = class[r];
  lock(c);
  seen = count[r];
  if
  :: onSet[r] == LISTED && class[r] == c && STILL_EMPTY(r) -> onSet[r] = 0; state[r] = HELD; unlock(c); release(r)
  :: else -> unlock(c)
  fi
}

#ifdef RECLAIM
inline reclaim() {
  c = class[0];
  lock(c);
  threshold = 1;
  if
  :: onSet[0] == FULL && class[0] == c && count[0] > 0 ->
     onSet[0] = LISTED;
     setState(0, LISTED);
     if
     :: EMPTY(0) -> onSet[0] = 0; state[0] = HELD; release(0)
     :: else
     fi
  :: else
  fi;
  unlock(c)
}
#endif

inline wasHandedOut() {
  handedOut = slot < freeIndex[rec];
  if
  :: !handedOut -> handedOut = allocBit[at(rec, slot)]
  :: else
  fi
}

/* Sets the bit; `won` if it was clear. */
inline setBit() {
  d_step {
    won = !freedBit[at(rec, slot)];
    freedBit[at(rec, slot)] = true;
    if
    :: won ->
#ifndef COUNT_FIRST
       owing[rec]++;
#endif
       life[at(rec, slot)] = DEAD
    :: else
    fi
  }
}

inline countIt() {
  d_step { count[rec]++; seen = count[rec]; was = state[rec] }
}

/* Takes the bit back if it was set in error: then `won` is false. */
inline takeBack() {
#ifdef BLIND_TAKE_BACK
  d_step { freedBit[at(rec, slot)] = false; won = false }
#else
  do
  :: before = merges[rec];
     if
     :: before % 2 == 1 -> skip                       /* look again */
     :: else ->
        handedOut = !freedBit[at(rec, slot)];         /* a merge took it: the free stands */
        if
        :: handedOut -> break
        :: else
        fi;
        wasHandedOut();
        if
        :: handedOut -> break
        :: else
        fi;
        if
        :: before == merges[rec] ->
           d_step { won = !freedBit[at(rec, slot)]; freedBit[at(rec, slot)] = false };
           break
        :: else
        fi
     fi
  od
#endif
}

inline free() {
  /* The program chooses a live block. */
  atomic {
    won = false;
    if
    :: life[0] == LIVE -> rec = 0; slot = 0; won = true
    :: life[1] == LIVE -> rec = 0; slot = 1; won = true
#if RECORDS > 1
    :: life[2] == LIVE -> rec = 1; slot = 0; won = true
    :: life[3] == LIVE -> rec = 1; slot = 1; won = true
#endif
    :: else
    fi;
    if
    :: won ->
#ifdef DOUBLE
       trying[at(rec, slot)]++
#else
       life[at(rec, slot)] = GIVEN_UP
#endif
    :: else
    fi
  };
  if
  :: won ->
#ifdef RECLAIM
     limit = threshold;
#endif
     wasHandedOut();
     won = handedOut;
     if
     :: won ->
#ifdef COUNT_FIRST
        countIt();
        setBit();
#else
        setBit();
#endif
#ifndef NO_SECOND_CHECK
        if
        :: won ->
           wasHandedOut();
           if
           :: !handedOut ->
              takeBack();
              if
              :: !won -> owing[rec]--
              :: else
              fi
           :: else
           fi
        :: else
        fi
#endif
     :: else
     fi;
#ifdef DOUBLE
     d_step {
       if
       :: won -> assert(beyond || !freedOnce[at(rec, slot)]); freedOnce[at(rec, slot)] = true
       :: else -> assert(beyond || freedOnce[at(rec, slot)] || trying[at(rec, slot)] > 1)
       fi;
       trying[at(rec, slot)]--
     };
#else
     assert(won);
#endif
     if
     :: won ->
#ifndef COUNT_FIRST
        d_step { count[rec]++; seen = count[rec]; was = state[rec]; owing[rec]-- };
#endif
        if
#ifdef EXACT_THRESHOLD
        :: was == FULL && seen == LIMIT -> list(rec)
#else
        :: was == FULL && seen >= LIMIT -> list(rec)
#endif
        :: was == LISTED ->
           if
           :: EMPTY(rec) -> releaseOwed(rec)
           :: else
           fi
        :: else
        fi
     :: else
     fi
  :: else
  fi
}

proctype Thread() {
  byte ops, mine = NONE, rec, slot, i, c, merged, before, was;
  short seen;
  bool dead[SLOTS], handedOut, won, spent;
#ifdef RECLAIM
  byte limit;
#endif
  do
  :: GO && ops < OPS ->
     ops++;
     if
     :: alloc()
     :: free()
     :: mine != NONE -> uncacheSpan(mine); mine = NONE
#ifdef RECLAIM
     :: threshold > 1 -> reclaim()
#endif
     fi
  :: else -> break
  od;
  if
  :: GO && mine != NONE -> uncacheSpan(mine)
  :: else
  fi;
  finished++
}

/* What holds when all threads have finished. */
inline checkAll() {
  byte r;
  for (r : 0 .. RECORDS - 1) {
    if
    :: inUse[r] ->
       assert(life[at(r, 0)] == LIVE || life[at(r, 1)] == LIVE);
       assert(onSet[r] == state[r]);
       assert(count[r] == freedBit[at(r, 0)] + freedBit[at(r, 1)]);
       assert(state[r] == LISTED || count[r] < THRESHOLD);
       assert(merges[r] % 2 == 0)
    :: else -> assert(life[at(r, 0)] == DEAD && life[at(r, 1)] == DEAD && onSet[r] == 0)
    fi
  }
}

init {
  byte n;
  atomic {
    for (n : 1 .. THREADS) { run Thread() }
  };
end:
  atomic {
    finished == THREADS ->
    if
    :: GO -> checkAll()
    :: else
    fi
  }
}
