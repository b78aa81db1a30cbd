package runtime

// PaceScavenger has the scavenger's two goals computed for given figures; ^uint64(0) for one that is not exceeded. What the runtime had
// before is put back.
func PaceScavenger(memoryLimit int64, heapGoal, lastHeapGoal, lastHeapInUse, heapInUse, heapFree, mappedReady uint64) (percentGoal, limitGoal uint64) {
	stw := stopTheWorld(stwForTestReadMetricsSlow)
	oldLast, oldInUse, oldFree, oldReady := memstats.lastHeapInUse, gcController.heapInUse, gcController.heapFree, gcController.mappedReady.Load()
	oldPercent, oldLimit := scavenge.gcPercentGoal.Load(), scavenge.memoryLimitGoal.Load()

	memstats.lastHeapInUse = lastHeapInUse
	gcController.heapInUse = sysMemStat(heapInUse)
	gcController.heapFree = sysMemStat(heapFree)
	gcController.mappedReady.Store(mappedReady)
	gcPaceScavenger(memoryLimit, heapGoal, lastHeapGoal)
	percentGoal, limitGoal = scavenge.gcPercentGoal.Load(), scavenge.memoryLimitGoal.Load()

	memstats.lastHeapInUse, gcController.heapInUse, gcController.heapFree = oldLast, oldInUse, oldFree
	gcController.mappedReady.Store(oldReady)
	scavenge.gcPercentGoal.Store(oldPercent)
	scavenge.memoryLimitGoal.Store(oldLimit)
	startTheWorld(stw)
	return
}
