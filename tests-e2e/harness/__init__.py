"""What the end-to-end suites share: a running platform, a person's client, a subscriber, files made on the spot."""
