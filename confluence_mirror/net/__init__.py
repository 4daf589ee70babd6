"""The wire: how every client of this program speaks HTTP.

One session (``session``), one retry policy (``retry``), one reading of ``Retry-After``
(``retry_after``), one description of which server could not be reached and why (``reachability``),
one safe way to read an answer (``answers``). What an answer means is decided by the rooms that ask:
nothing here knows of Confluence, a store or a model.
"""
