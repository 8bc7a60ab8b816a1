"""How data comes in, for every family: readers, splits, batch plans, named data sets, verified downloads.

Knows no family and no model. `tables` reads a user's own file or folder, `problems` lists what is wrong with it, `splits` and
`duplicates` keep equal texts on one side, `sampling` plans batches, `named` finds a data set by its name.
"""
