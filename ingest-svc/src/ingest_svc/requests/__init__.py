"""Processing requests: an upload, or all of a dataset, processed again with options that a person chose."""
