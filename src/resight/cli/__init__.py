"""The command line: parse, call, print. One file per command; the heavy imports happen inside the commands."""
