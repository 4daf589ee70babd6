"""The commands of the documents, typed as they stand in a new clone: ``make test-docs``."""
