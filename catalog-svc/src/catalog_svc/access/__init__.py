"""Who is asking, and what they may see. Every read of the catalog goes through `visible_to`."""
