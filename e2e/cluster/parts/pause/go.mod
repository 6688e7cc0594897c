module orion.test/parts/pause

go 1.26.0
