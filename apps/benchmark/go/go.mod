module mallocgc/apps/benchmark/go

go 1.25
