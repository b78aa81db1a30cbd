module mallocgc/tooling/go-oracle

go 1.26
