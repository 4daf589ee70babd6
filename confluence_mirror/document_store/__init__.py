"""The mirror's documents as files that people and other programs read: a tree in a folder, or in a
bucket of S3."""
