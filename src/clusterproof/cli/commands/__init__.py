"""One module per command, each with ``command``; imported when the command is used."""
