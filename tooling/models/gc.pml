/*
 * The collector's protocol, docs/collector.md, as packages/gc has it (phase, turn-word, handshake, mutator, cycle), with the moves of spans
 * of packages/mcache and packages/mcentral.
 *
 * Two Ps run a program of OPS0 and OPS1 operations a turn, in TURNS0 and TURNS1 turns, in every order; the driver drives CYCLES cycles.
 * The operations: load a ref from the root or a field; store one or nil, with the barrier; with -DALLOC allocate; -DLEAVE give the cached
 * span back; -DHANDLES use a root slot of the P's own; -DWEAK read a weak ref. Polls come at every operation's edge, or do not. With -DMARKER
 * a second marker shares the work. -DROOTS_ONLY leaves the fields out, -DSECOND_CLEARS, -DKNOWS and -DHOLDS are below: for programs that are longer.
 * Objects live in slots of spans: two of two slots; the first P holds one of them when all begins.
 *
 * Every read and write of a word that another thread may touch is a step of its own; an Atomics operation is one step, and so is what a
 * kernel does to one span or one object. A plain read of the phase may give what the P saw at its last ack. A turn is implicit or explicit:
 * both are a span of time that begins with a poll and ends with a flush. A buffer may be flushed at any edge, as if it were full.
 * An assist is a flush and then what the second marker does. Of counters (workSeq, revived, flushSeq) only whether they have moved is kept.
 *
 * Checked:
 *   no object is freed that a root, a handle or a local of a running turn leads to; none is marked, scanned or used that was freed;
 *   no slot is handed out while its object lives, or not cleared;
 *   a weak ref gives nil only when its object is dead, and never a freed one;
 *   what was not reachable when a cycle began is freed when it has ended (unless a weak ref brought it back);
 *   a cycle begins without a mark (but in a span that a P has in its hands), a shaded object or work left over; a span that is swept is unswept, and taken by one thread;
 *   no span falls out of every set; between cycles no cached span is stale;
 *   nobody waits for ever.
 *
 *   spin -DOPS0=2 -DOPS1=2 -a gc.pml && cc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m100000
 *
 * Complete without an error (millions of states; the longest took 36 s and 0.9 GB):
 *   both Ps, operations of each     2 + 2: 18.7; 2 + 1 with HANDLES: 10.7; 1 + 1 with WEAK: 5.2; with ALLOC CYCLES=2: 8.6; with LEAVE too: 10.0
 *   one P (OPS1=0 TURNS1=0)         3 with MARKER: 2.4; 3 with WEAK ALLOC: 0.9; 2 turns of 2 with ALLOC CYCLES=2: 3.7; 4 with ALLOC LEAVE CYCLES=2, over the root: 1.0
 *   over the root                   (ROOTS_ONLY SECOND_CLEARS) 2 turns of 1, + 1, with HOLDS: 5.5
 *   two markers                     1 + 2 with MARKER KNOWS: 8.8
 * Not complete, no error in the first 34 M: 1 + 1 with MARKER WEAK; over the root 2 turns of 2, + 1, with ALLOC.
 *
 * The steps are sequentially consistent; what weaker memory needs is said at each Atomics call of the code.
 *
 * Each of these takes one ingredient away, or does it the wrong way, and an error is found (with the program that gc.model.test.ts gives):
 *   -DNO_ARM                  the barrier is on for some when others begin to mark
 *   -DNO_GRACE                turns that are older than the barrier are not waited for
 *   -DNO_SHADE_OLD, -DNO_SHADE_NEW
 *   -DWHITE_ALLOCATION        what is allocated while marking does not count as marked
 *   -DBLACKEN_AGAIN           freeIndexForScan rises when a span changes its holder
 *   -DBLACK_GEN_BY_HEAP       the generation that is marked is read off the heap at the ack
 *   -DBLACK_IN_ANY_GENERATION or not looked at
 *   -DSWEEP_CACHED            somebody sweeps a stale span that another P has cached
 *   -DSTAMP_BY_HEAP, -DSET_BY_HEAP   whether a span is swept is read off the heap's sweepgen when it is taken, or given back
 *   -DLOSE_SWEPT              a span off the unswept set that is swept by now is dropped
 *   -DSTALE_NOT_TAKEN         who sweeps a stale span does not write h-1 first
 *   -DDISCARD_AT_TURN_END     a grey buffer is dropped at the turn's end
 *   -DFLUSH_UNANNOUNCED       a flush does not say that it marks, nor look at the phase after that
 *   -DFLUSH_UNSEEN            it says so, and does not look whether marking is over
 *   -DKEEP_BUFFER             a grey buffer outlives SWEEP
 *   -DSHADE_AFTER_ACK         a store shades although its own poll has acked SWEEP
 *   -DNO_QUIET_START          a round begins while a marker is at work
 *   -DNO_WORK_SEQ             whether anybody has marked since the round began is not looked at
 *   -DTAKE_FIRST              a marker announces itself after it has taken work
 *   -DDECIDE_EARLY            what decides is looked at before TERM is stored
 *   -DMARK_UNSEEN             a marker does not look whether marking is under way when it has announced itself
 *   -DNO_TERM, -DREVIVED_LATE a weak ref's revival is not asked for, or only of those after the flush
 *   -DWEAK_UNMARKED_IS_DEAD   a weak ref that sees SWEEP after it has shaded is nil
 *   -DWEAK_UNSWEPT_IS_ALIVE   a weak ref to an unswept object is not nil
 *   -DNO_CYCLE_NUMBER         the phase word is the same in every cycle
 */
#ifndef OPS0
#define OPS0 2
#endif
#ifndef OPS1
#define OPS1 2
#endif
#ifndef TURNS0
#define TURNS0 1
#endif
#ifndef TURNS1
#define TURNS1 1
#endif
#ifndef CYCLES
#define CYCLES 1
#endif
#define NOBJ 4
#define PS 2
#define SPANS 2
#define SLOTS 2

/* ---- The region. ---- */

/* The phase word: the cycle's number above, the phase in the low 3 bits, and bit 0: the barrier is on. */
#define OFF 0
#define ARM 1
#define MARK 3
#define TERM 5
#define SWEEP 4
byte phase = OFF;
#define ph(word) ((word) & 7)
#define barrier(word) ((word) & 1)
#ifdef NO_CYCLE_NUMBER
#define make(p) (p)
#else
#define make(p) (cycle * 8 + (p))
#endif

/* Objects, from 1 on; 0 is nil. Sets of objects are masks. */
#define bit(x) (1 << (x))
#define has(set, x) (((set) >> (x)) & 1)
#define spanOf(x) (((x) - 1) / SLOTS)
#define slotOf(x) (((x) - 1) % SLOTS)
byte field[NOBJ + 1];           /* the one pointer in each object */
byte root;                      /* a named root */
byte weak;                      /* a weak ref's word */

/* Spans. */
#define NONE 7
#define INFINITY 7
byte sweepgen[SPANS];
byte freeIndex[SPANS];
byte freeIndexForScan[SPANS];
byte allocBits;
byte marks;
bool inUse[SPANS];
byte onSet[SPANS];              /* 0: on none; else 1 + the parity of the set */
byte h = 2;                     /* the heap's sweepgen */
byte markGen;                   /* what it was when the cycle began */
#define setOf(gen) (1 + ((gen) / 2) % 2)
#define handedOut(x) (slotOf(x) < freeIndex[spanOf(x)] || has(allocBits, x))
#define allocatedSince(x) (slotOf(x) < freeIndex[spanOf(x)] && !has(allocBits, x) && slotOf(x) >= freeIndexForScan[spanOf(x)])
#define isLive(x) (has(marks, x) || allocatedSince(x))
#define inHand(s) (inUse[s] && onSet[s] == 0 && sweepgen[s] != h && sweepgen[s] != h + 3)
#define kept(s) (!inUse[s] || onSet[s] != 0 || mcache[0] == s || mcache[1] == s)
#define hasFreeSlot(s) (freeSlot(s, 0) || freeSlot(s, 1))
#define freeSlot(s, i) ((i) >= freeIndex[s] && !has(allocBits, (s) * SLOTS + (i) + 1))

/* The record of a P. */
byte gone;                      /* Ps whose program is done */
bool running[PS];               /* turn is odd */
bool parity[PS];                /* the next bit of turn */
bool claimed[PS];               /* in the turn word too: the driver acts for the P, which is in no turn */
byte phaseSeen[PS];
bool flushWanted[PS];           /* flushSeen is not flushSeq */
byte greyBuffer[PS];
byte mcache[PS];
byte blackGen[PS];              /* 0: what the P allocates does not count as marked */
#ifdef HANDLES
byte handle[PS];
#endif

/* Work. Of workSeq and revived the driver only asks whether they moved since the round began. */
byte fullList;                      /* marked, to be scanned */
byte markersAtWork;
bool workSeqMoved;
bool revivedMoved;

/* ---- What the code must not look at. ---- */
byte live;                      /* handed out and not freed */
byte a[PS]; byte b[PS];         /* raw addresses in locals of a running turn */
byte doomed;                    /* not reachable when the cycle began */
byte cycle;
bool finished;
hidden byte reach;
hidden byte i;
hidden byte k;

/* All that a root, a handle or a local of a running turn leads to. */
inline findReachable() {
  reach = bit(root) | bit(a[0]) | bit(b[0]) | bit(a[1]) | bit(b[1]);
#ifdef HANDLES
  reach = reach | bit(handle[0]) | bit(handle[1]);
#endif
  k = 0;
  do
  :: k < NOBJ ->
     i = 1;
     do
     :: i <= NOBJ ->
        if
        :: has(reach, i) -> reach = reach | bit(field[i])
        :: else
        fi;
        i++
     :: else -> break
     od;
     k++
  :: else -> break
  od;
  reach = reach & ~1; i = 0; k = 0
}

/* ---- Sweep. ---- */

/* One span, by whoever has it to himself. */
inline sweep(s) {
  d_step {
    findReachable();
    i = s * SLOTS + 1;
    do
    :: i <= s * SLOTS + SLOTS ->
       if
       :: handedOut(i) && !isLive(i) ->
          assert(has(live, i));
          assert(!has(reach, i));
          live = live & ~bit(i); doomed = doomed & ~bit(i);
          allocBits = allocBits & ~bit(i);
          field[i] = 0;
          if
          :: weak == i -> weak = 0
          :: else
          fi
       :: handedOut(i) -> allocBits = allocBits | bit(i)
       :: else
       fi;
       marks = marks & ~bit(i);
       i++
    :: else -> break
    od;
    i = 0;
    freeIndex[s] = 0;
    freeIndexForScan[s] = INFINITY
  }
}

/* A swept span goes to where it belongs. */
inline putSwept(s, gen) {
  d_step {
    sweepgen[s] = gen;
    if
    :: (allocBits & (bit(s * SLOTS + 1) | bit(s * SLOTS + 2))) == 0 && freeIndex[s] == 0 -> inUse[s] = false
    :: else -> onSet[s] = setOf(gen)
    fi
  }
}

/*
 * The holder, or the driver in its place, gives a span back. Whether it is swept is read off the span, and only then may h move on: a span
 * that was swept when it was looked at lands, rightly, among the unswept ones.
 */
inline uncacheSpan(p) {
  d_step { s = mcache[p]; mcache[p] = NONE };
  if
  :: sweepgen[s] == h + 1 ->
     sg = sweepgen[s] - 1;
#ifndef STALE_NOT_TAKEN
     sweepgen[s] = sg - 1;
#endif
     sweep(s)
  :: else -> sg = sweepgen[s] - 3
  fi;
#ifdef SET_BY_HEAP
  putSwept(s, h);
#else
  putSwept(s, sg);
#endif
  d_step { s = 0; sg = 0 }
}

/* What the ack of SWEEP asks for. */
inline release(p) {
  blackGen[p] = 0;
  if
  :: mcache[p] != NONE -> uncacheSpan(p)
  :: else
  fi
}

/* By the background sweeper: any span that is on the unswept set. */
inline sweepOne() {
  assert(sweepgen[s] == h - 2);
  sweepgen[s] = h - 1;
  sweep(s);
  putSwept(s, h);
  s = 0
}

/* ---- A P. ---- */

/* Not from ARM on: docs/collector.md. */
#define black(word) (ph(word) == MARK || ph(word) == TERM)

/* What is handed out of the span from here on is new. */
inline newFromHere(s) {
#ifndef WHITE_ALLOCATION
#ifndef BLACKEN_AGAIN
  if
  :: freeIndex[s] < freeIndexForScan[s] ->
#endif
     freeIndexForScan[s] = freeIndex[s]
#ifndef BLACKEN_AGAIN
  :: else
  fi
#endif
#else
  skip
#endif
}

/*
 * Marks what the P has shaded, new objects left out, and hands it over. As an answer to flushSeq it need not say that it is at work: the driver
 * waits for the answer. (The code says so always.)
 */
inline markShaded(p) {
  d_step {
    i = 1;
    do
    :: i <= NOBJ ->
       if
       :: has(greyBuffer[p], i) && !has(marks, i) && !allocatedSince(i) ->
          assert(has(live, i));
          marks = marks | bit(i); work = work | bit(i)
       :: else
       fi;
       i++
    :: else -> break
    od;
    i = 0;
    greyBuffer[p] = 0
  };
  if
  :: work != 0 -> workSeqMoved = true; d_step { fullList = fullList | work; work = 0 }
  :: else
  fi
}

/* At any other time than as an answer: the buffer is full, or the turn ends. */
inline flush(p) {
#ifdef DISCARD_AT_TURN_END
  greyBuffer[p] = 0;
#endif
#ifdef FLUSH_UNANNOUNCED
  if
  :: barrier(phaseSeen[p]) -> markShaded(p)
  :: else
  fi
#else
  do
  :: greyBuffer[p] == 0 -> break
  :: else ->
     markersAtWork++;
     seen = ph(phase);
#ifdef FLUSH_UNSEEN
     seen = ph(phaseSeen[p]);
     if
     :: barrier(seen) -> seen = MARK
     :: else
     fi;
#endif
     if
     :: seen == ARM || seen == MARK -> markShaded(p); markersAtWork--
     :: seen == TERM -> markersAtWork--; ph(phase) != TERM
     :: else -> greyBuffer[p] = 0; markersAtWork--
     fi
  od
#endif
}

inline poll(p) {
  seen = phase;
  if
  :: seen == phaseSeen[p]
  :: else ->
     if
     :: ph(seen) == SWEEP ->
#ifndef KEEP_BUFFER
        greyBuffer[p] = 0;
#endif
        release(p)
     :: black(seen) && blackGen[p] == 0 ->
        d_step {
#ifdef BLACK_GEN_BY_HEAP
          blackGen[p] = h;
#else
          blackGen[p] = markGen;
#endif
          if
          :: mcache[p] != NONE -> newFromHere(mcache[p])
          :: else
          fi
        }
     :: else
     fi;
     phaseSeen[p] = seen
  fi;
  seen = 0;
  if
  :: flushWanted[p] ->
     if
     :: barrier(phaseSeen[p]) -> markShaded(p)
     :: else
     fi;
     flushWanted[p] = false
  :: else
  fi
}

/* A marked object need not stand in the buffer. (The code does not look, and finds it marked when it flushes.) */
inline shade(p, x) {
  if
  :: x != 0 && !has(marks, x) -> greyBuffer[p] = greyBuffer[p] | bit(x)
  :: else
  fi
}

/* A plain read of the phase: as it is, or as the engine kept it since the last ack. */
inline plainPhase(p) {
  if
  :: seen = phase
  :: seen = phaseSeen[p]
  fi
}

#define FIELD 0
#define ROOT 1
#define HANDLE 2
inline load(p) {
  if
  :: target == FIELD -> assert(has(live, a[p])); old = field[a[p]]
  :: target == ROOT -> old = root
#ifdef HANDLES
  :: target == HANDLE -> old = handle[p]
#endif
  fi
}

inline storeRef(p) {
  plainPhase(p);
  if
  :: barrier(seen) ->
     poll(p);
#ifndef SHADE_AFTER_ACK
     if
     :: barrier(phaseSeen[p]) ->
#endif
#ifndef NO_SHADE_OLD
        load(p);
        shade(p, old);
        old = 0;
#endif
#ifndef NO_SHADE_NEW
        shade(p, new);
#endif
#ifndef SHADE_AFTER_ACK
        skip
     :: else
     fi
#endif
  :: else
  fi;
  d_step {
    if
    :: target == FIELD -> assert(has(live, a[p])); field[a[p]] = new
    :: target == ROOT -> root = new
#ifdef HANDLES
    :: target == HANDLE -> handle[p] = new
#endif
    fi;
    new = 0; target = 0; seen = 0
  }
}

/* A span for the P's mcache; none if there is none. */
inline cacheSpan(p) {
  sg = h;
  atomic {
    if
    :: onSet[0] == setOf(sg) && hasFreeSlot(0) -> s = 0; onSet[0] = 0
    :: onSet[1] == setOf(sg) && hasFreeSlot(1) -> s = 1; onSet[1] = 0
    :: onSet[0] == setOf(sg - 2) -> s = 0; onSet[0] = 0; unswept = true
    :: onSet[1] == setOf(sg - 2) -> s = 1; onSet[1] = 0; unswept = true
    :: !inUse[0] -> s = 0; inUse[0] = true; sweepgen[0] = h
    :: !inUse[1] -> s = 1; inUse[1] = true; sweepgen[1] = h
    :: else -> s = NONE
    fi
  };
  if
  :: unswept ->
     unswept = false;
     if
     :: sweepgen[s] == h - 2 ->
        sweepgen[s] = h - 1;
        sweep(s);
        if
        :: hasFreeSlot(s) -> sweepgen[s] = h
        :: else -> putSwept(s, h); s = NONE
        fi
     :: else ->
        /* What was the unswept set is by now the swept one. */
#ifdef LOSE_SWEPT
        s = NONE
#else
        putSwept(s, sweepgen[s]); s = NONE
#endif
     fi
  :: else
  fi;
  if
  :: s != NONE ->
     if
     :: blackGen[p] != 0 && sweepgen[s] == blackGen[p] -> newFromHere(s)
#ifdef BLACK_IN_ANY_GENERATION
     :: blackGen[p] != 0 && sweepgen[s] != blackGen[p] -> newFromHere(s)
#endif
     :: else
     fi;
     d_step {
       mcache[p] = s;
#ifdef STAMP_BY_HEAP
       sweepgen[s] = h + 3
#else
       sweepgen[s] = sweepgen[s] + 3
#endif
     }
  :: else
  fi;
  d_step { s = 0; sg = 0 }
}

inline alloc(p) {
  if
  :: mcache[p] == NONE -> poll(p); cacheSpan(p)
  :: else
  fi;
  if
  :: mcache[p] == NONE
  :: else ->
     if
     :: hasFreeSlot(mcache[p]) ->
        d_step {
          s = mcache[p];
          if
          :: freeSlot(s, 0) -> new = s * SLOTS + 1; freeIndex[s] = 1
          :: else -> new = s * SLOTS + 2; freeIndex[s] = 2
          fi;
          assert(!has(live, new));
          assert(field[new] == 0);
          live = live | bit(new);
          a[p] = new;
          new = 0; s = 0
        }
     :: else -> poll(p); if :: mcache[p] != NONE -> uncacheSpan(p) :: else fi
     fi
  fi
}

#ifdef WEAK
/* The ref is dead: nil; or it is not, and then it must not be nil. */
inline weakDead() {
  d_step {
    findReachable();
    assert(new == 0 || weak != new || !has(reach, new));
    new = 0
  }
}
inline weakAlive(p) {
  d_step { assert(has(live, new)); a[p] = new; doomed = 0; new = 0 }
}

/* The word is read after the phase; only in MARK is what it leads to shaded. */
inline weakGet(p) {
  plainPhase(p);
  if
  :: barrier(seen) -> poll(p)
  :: else
  fi;
  do
  :: ph(phase) != TERM ->
     seen = ph(phase);
     if
     :: seen == TERM -> goto again
     :: else
     fi;
     new = weak;
     if
     :: new == 0 -> break
     :: else
     fi;
     if
     :: seen == MARK ->
        if
        :: isLive(new)
        :: else ->
           shade(p, new);
           revivedMoved = true;
#ifndef NO_TERM
           if
           :: ph(phase) == MARK
           :: else ->
#ifdef WEAK_UNMARKED_IS_DEAD
              weakDead(); break
#else
              goto again
#endif
           fi
#else
           skip
#endif
        fi
     :: else ->
        /* Whether it outlives the sweep. */
        do
        :: s = spanOf(new);
           sg = sweepgen[s];
           if
           :: sg == h || sg == h + 3 -> seen = true; break
           :: sg == h - 1 -> sweepgen[s] != sg
           :: else ->
              seen = isLive(new);
#ifdef WEAK_UNSWEPT_IS_ALIVE
              seen = true;
#endif
              if
              :: sweepgen[s] == sg -> break
              :: else
              fi
           fi
        od;
        if
        :: seen
        :: else -> weakDead(); break
        fi
     fi;
     if
     :: weak == new -> weakAlive(p)
     :: else -> new = 0
     fi;
     break;
again:  skip
  od;
  seen = 0;
  d_step { new = 0; s = 0; sg = 0 }
}
#endif

/*
 * With SECOND_CLEARS all that the second P does is to store nil in the root, and the first never does. With KNOWS both begin with the root's object, and what is behind it, in
 * variables; the first stores it into the root again, the second nil, or what is behind it, into its field.
 */
#ifdef SECOND_CLEARS
#define FREE(p) (p == 0)
#define CLEARS(p) (p == 1)
#elif defined(KNOWS)
#define FREE(p) false
#define CLEARS(p) false
#else
#define FREE(p) true
#define CLEARS(p) true
#endif

proctype Mutator(byte p; byte nops; byte nturns) {
  byte ops, turns, seen, target, old, new, s, sg, work;
  bool unswept;
  do
  :: turns < nturns ->
     atomic {
       !claimed[p] -> turns++; running[p] = true;
#ifdef HOLDS
       /* As if it had allocated it in this turn, and nothing leads to it yet. */
       if
       :: p == 0 && phase == OFF && cycle == 0 -> a[p] = 3
       :: else
       fi
#endif
#ifdef KNOWS
       if
       :: phase == OFF && cycle == 0 -> a[p] = 1; b[p] = 2
       :: else -> ops = nops
       fi
#endif
     };
     poll(p);
     do
     :: ops < nops ->
        if
        :: atomic { FREE(p) -> a[p] = root; ops++ }
#if !defined(ROOTS_ONLY) && !defined(KNOWS)
        :: atomic { a[p] != 0 -> assert(has(live, a[p])); b[p] = field[a[p]]; ops++ }
#endif
#ifdef HANDLES
        :: atomic { handle[p] != 0 -> a[p] = handle[p]; ops++ }
        :: atomic { ops++; target = HANDLE; if :: new = 0 :: a[p] != 0 -> new = a[p] :: b[p] != 0 -> new = b[p] fi };
           storeRef(p)
#endif
        :: atomic { CLEARS(p) || a[p] != 0 -> ops++;
             if
#ifdef KNOWS
             :: p == 0 -> target = ROOT; new = a[p]
             :: p == 1 -> target = FIELD; if :: new = 0 :: new = b[p] fi
#else
             :: target = ROOT; if :: CLEARS(p) -> new = 0 :: FREE(p) && a[p] != 0 -> new = a[p] :: FREE(p) && b[p] != 0 -> new = b[p] fi
#ifndef ROOTS_ONLY
             :: a[p] != 0 -> target = FIELD; if :: new = 0 :: b[p] != 0 -> new = b[p] fi
#endif
#endif
             fi };
           storeRef(p)
#ifdef ALLOC
        :: atomic { FREE(p) -> ops++ }; alloc(p)
#endif
#ifdef LEAVE
        :: atomic { mcache[p] != NONE -> ops++ }; poll(p); if :: mcache[p] != NONE -> uncacheSpan(p) :: else fi
#endif
#ifdef WEAK
        :: atomic { ops++; skip }; weakGet(p)
#endif
        fi
     :: phaseSeen[p] != phase || flushWanted[p] -> poll(p)
     :: greyBuffer[p] != 0 -> flush(p)
     :: break
     od;
     poll(p);
     flush(p);
     atomic {
       ops = 0; a[p] = 0; b[p] = 0; running[p] = false; parity[p] = !parity[p]
     }
  :: else -> break
  od;
  gone++
}

/* ---- Markers. ---- */

/* Marks x; it is to be scanned if it was not marked. */
inline mark(x) {
  d_step {
    if
    :: x != 0 && !has(marks, x) -> marks = marks | bit(x); mine = mine | bit(x)
    :: else
    fi
  }
}

inline lowest(set) {
  x = 1;
  do
  :: !has(set, x) -> x++
  :: else -> break
  od
}

/* A work buffer of the shared list, if there is one. */
inline take() {
  d_step { mine = fullList; fullList = 0 }
}

/* Scans until nothing is left of its own. */
inline scanMine() {
  do
#ifdef MARKER
  :: mine != 0 -> d_step { fullList = fullList | mine; mine = 0 }
#endif
  :: mine != 0 ->
     d_step { lowest(mine); mine = mine & ~bit(x); assert(has(live, x)) };
     x = field[x];
     mark(x);
     x = 0
  :: else -> break
  od
}

#ifdef MARKER
proctype Marker() {
  byte mine, x;
end:
  do
  :: fullList != 0 ->
#ifdef TAKE_FIRST
     take();
     workSeqMoved = true;
     markersAtWork++;
#else
     workSeqMoved = true;
     markersAtWork++;
#ifndef MARK_UNSEEN
     if
     :: ph(phase) != MARK -> goto off
     :: else
     fi;
#endif
     take();
#endif
     scanMine();
off: markersAtWork--
  :: finished -> break
  od
}
#endif

/* ---- The driver. ---- */

inline setPhase(p) { phase = make(p) }

/* Every P that is in a turn has acked. */
inline awaitAcks() {
  p = 0;
  do
  :: p < PS -> (!running[p] || phaseSeen[p] == phase); p++
  :: else -> break
  od;
  p = 0
}

inline flushAll() {
  d_step { flushWanted[0] = true; flushWanted[1] = true };
  p = 0;
  do
  :: p < PS -> (!flushWanted[p] || !running[p]); p++
  :: else -> break
  od;
  p = 0
}

proctype Driver() {
  byte p, x, mine, s, sg;
  bool q0, q1;
  do
  :: cycle < CYCLES ->
     d_step {
       cycle++;
       markGen = h;
       assert((inHand(0) || (marks & (bit(1) | bit(2))) == 0) && (inHand(1) || (marks & (bit(3) | bit(4))) == 0));
       assert(greyBuffer[0] == 0 && greyBuffer[1] == 0);
       assert(fullList == 0)
     };
#ifndef NO_ARM
     d_step { setPhase(ARM); findReachable(); doomed = live & ~reach };
     awaitAcks();
#endif
     setPhase(MARK);
     awaitAcks();
#ifndef NO_GRACE
     atomic { q0 = parity[0]; q1 = parity[1] };
     (!running[0] || parity[0] != q0);
     (!running[1] || parity[1] != q1);
     d_step { q0 = false; q1 = false };
#endif
     x = root; mark(x); x = 0;
#ifdef HANDLES
     x = handle[0]; mark(x); x = 0;
     x = handle[1]; mark(x); x = 0;
#endif
     scanMine();
     do
     :: fullList != 0 -> take(); scanMine()
     :: else ->
#ifdef NO_QUIET_START
        d_step { workSeqMoved = false; revivedMoved = false };
        flushAll();
        fullList == 0 -> markersAtWork == 0;
#else
        d_step { workSeqMoved = false; revivedMoved = false };
        if
        :: fullList != 0 -> goto again
        :: else
        fi;
        markersAtWork == 0;
        flushAll();
#endif
#ifdef REVIVED_LATE
        revivedMoved = false;
#endif
#ifdef NO_WORK_SEQ
        workSeqMoved = false;
#endif
        if
        :: workSeqMoved || fullList != 0
        :: else ->
           setPhase(TERM);
#ifdef DECIDE_EARLY
           if
           :: revivedMoved || markersAtWork != 0 -> setPhase(MARK)
           :: else -> break
           fi
#else
           if
           :: markersAtWork != 0 -> setPhase(MARK)
           :: else ->
              if
              :: workSeqMoved || fullList != 0 -> setPhase(MARK)
#ifndef NO_TERM
              :: revivedMoved -> setPhase(MARK)
#endif
              :: else -> break
              fi
           fi
#endif
        fi;
again:  skip
     od;
     h = h + 2;
     setPhase(SWEEP);
     do
     :: p < PS && running[p] && phaseSeen[p] == phase -> p++
     :: atomic { p < PS && !running[p] -> claimed[p] = true };
        assert(greyBuffer[p] == 0);
        if
        :: phaseSeen[p] != phase -> release(p); phaseSeen[p] = phase
        :: else
        fi;
        atomic { claimed[p] = false; p++ }
     :: atomic { onSet[0] == setOf(h - 2) -> onSet[0] = 0; s = 0 }; sweepOne()
     :: atomic { onSet[1] == setOf(h - 2) -> onSet[1] = 0; s = 1 }; sweepOne()
#ifdef SWEEP_CACHED
     :: atomic { inUse[1] && sweepgen[1] == h + 1 -> s = 1 }; sweep(1); sweepgen[1] = h + 3
#endif
     :: p == PS && onSet[0] != setOf(h - 2) && onSet[1] != setOf(h - 2) -> break
     od;
     p = 0;
     d_step {
       /* A P may have a span in its hands still, and sweep it: before it acks ARM. */
       assert(doomed == 0 || inHand(0) || inHand(1));
       assert((mcache[0] == NONE -> true : sweepgen[mcache[0]] == h + 3) && (mcache[1] == NONE -> true : sweepgen[mcache[1]] == h + 3));
       setPhase(OFF)
     }
  :: else -> break
  od;
  finished = true;
  gone == PS -> assert(kept(0) && kept(1))
}

init {
  atomic {
    /* root -> 1 -> 2 in a full span; 3 in a span that the first P holds, and nothing leads to it. */
    root = 1; field[1] = 2;
    live = bit(1) | bit(2) | bit(3);
    allocBits = bit(1) | bit(2);
    inUse[0] = true; onSet[0] = setOf(h); sweepgen[0] = h; freeIndexForScan[0] = INFINITY;
    inUse[1] = true; sweepgen[1] = h + 3; freeIndex[1] = 1; freeIndexForScan[1] = INFINITY;
    mcache[0] = 1; mcache[1] = NONE;
#ifdef WEAK
    weak = 3; field[1] = 3;
#endif
    run Driver();
#ifdef MARKER
    run Marker();
#endif
    run Mutator(0, OPS0, TURNS0);
    run Mutator(1, OPS1, TURNS1)
  }
}
