"""What people and programs read about the API: its document with examples, pages to try it, a page a problem."""
