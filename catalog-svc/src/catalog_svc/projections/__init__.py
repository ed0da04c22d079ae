"""From events to rows: one file per source topic, the order they are applied in, the policies that follow."""
