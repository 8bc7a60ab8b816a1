"""Faces: find, cut out, recognise.

Read `two_stages.py` first: where, then who. `engine/` holds what finds, cuts out and embeds; `gallery/` what is kept of people,
sealed; `scores/` what likenesses mean; `actions/` what the tools of `tools.py` do with all of these. The other files are
`seodang train faces`.
"""
