"""One file per analytical task behind one interface; an entry point in `dataplatform.suitability` registers it."""
