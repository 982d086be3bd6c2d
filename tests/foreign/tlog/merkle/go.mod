module github.com/transparency-dev/merkle

go 1.25.0

require released.example/merkle v0.0.2
