"""The sample service: notes in a database, cached, configured by the process environment alone."""
