"""Running the whole platform on one machine: which processes, under which supervisor, ready when, stopped how."""
