"""Who is known by which faces: sealed, searched, and forgotten for good.

Read `records.py` (what is kept), `sealing.py` and `rows.py` (how), `gallery.py` (what can be done), then `sqlite.py` and
`postgres.py` (where it lies) and `search.py` (how the nearest face is found). Nothing here imports torch.
"""
