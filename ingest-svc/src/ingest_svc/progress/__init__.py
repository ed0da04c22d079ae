"""Where every upload is, from its first byte to the published version: kept, streamed, and ended if nobody ends it."""
