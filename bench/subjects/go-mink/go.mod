module mink-bench-go-mink

go 1.25.0

require go-mink.dev v1.1.2
