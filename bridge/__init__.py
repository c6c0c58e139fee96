"""The linked-device bridge: the Go library's Python side. Importing it loads no Go code."""
