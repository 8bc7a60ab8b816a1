"""The command line: flags read off the settings, results on stdout, messages on stderr, one line for each error."""
