"""PostgreSQL: one session, its transactions and their retries, for whatever keeps something there.

``url`` says what is wrong with a URL before a library repeats it, ``errors`` tells faults apart,
``session`` runs transactions and repeats them as a whole. What is kept is decided by the manifest
and by the pgvector store.
"""
