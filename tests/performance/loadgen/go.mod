module moorage.dev/loadgen

go 1.22
