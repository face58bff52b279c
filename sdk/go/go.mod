module llmperf

go 1.24
